import fc from '../../fast-check.js';
import { eventfdRead } from '../generate/interrupts.js';
import type { Step } from '../generate/situation.js';
import type { Op } from '../script.js';
import type { Span, Target } from '../targets.js';
import { clearConfig, load, map, setCommand, sleep, store } from './ops.js';

const LIVENESS = 0x04;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;
const SOURCE = 0x80;
const DESTINATION = 0x88;
const COUNT = 0x90;
const DMA_COMMAND = 0x98;
const BUFFER = 0x40000;
/**
 * Maximum size of a transfer in bytes. Older versions of QEMU refuse the last byte of the buffer.
 */
const BUFFER_SIZE = 4095;
const PAGE = 4096;
const RUN = 0x1;
const TO_HOST = 0x2;
/** Time in milliseconds until a transfer is done. The timer of the DMA engine takes 100 ms. */
const DMA_MS = 150;
/** Time in milliseconds until a thread of the device has computed a factorial. */
const COMPUTING_MS = 60;
/** Time in milliseconds until an interrupt of the emulated machine arrives. */
const INTERRUPT_MS = 3;
const RAW: Span = [0x4e, 0x100];
const COMMAND_AT_OPEN = 0x103;
const IOVA = 0x100000;

/**
 * Operations for a transfer to or from the device's buffer. QEMU aborts if the device address is
 * outside of the buffer.
 */
function transfer(command: number, iova: number, offset: number, count: number): Op[] {
  const own = BUFFER + offset;
  return [
    store(SOURCE, (command & TO_HOST) !== 0 ? own : iova, 8),
    store(DESTINATION, (command & TO_HOST) !== 0 ? iova : own, 8),
    store(COUNT, count, 8),
    store(DMA_COMMAND, command, 8),
    sleep(DMA_MS),
  ];
}

const raise = fc
  .tuple(fc.constantFrom(1, 0x100, 0x80000000, 0), eventfdRead)
  .map(([bits, read]): Step => (situation) => [
    store(RAISE, bits),
    sleep(INTERRUPT_MS),
    ...read(situation),
  ]);

const acknowledge = fc
  .constantFrom(0xffffffff, 1, 0x100)
  .map((bits): Step => () => [store(ACKNOWLEDGE, bits), load(0x24)]);

const compute = fc
  .tuple(fc.constantFrom(0, 1, 5, 12, 13, 33, 34, 100), fc.constantFrom(0, 0x80), eventfdRead)
  .map(([n, interrupt, read]): Step => (situation) => [
    store(STATUS, interrupt),
    store(FACTORIAL, n),
    sleep(COMPUTING_MS),
    load(FACTORIAL),
    load(STATUS),
    ...read(situation),
  ]);

const dma = fc
  .record({
    buffer: fc.constantFrom('p', 'q'),
    page: fc.nat(4),
    flags: fc.constantFrom(3, 3, 1, 2),
    master: fc.constantFrom(true, true, true, false),
    offset: fc.constantFrom(0, 1, 100),
    count: fc.constantFrom(1, 8, 100, 3000),
    command: fc.constantFrom(RUN, RUN | TO_HOST, RUN | TO_HOST, RUN | 4, RUN | TO_HOST | 4),
    beyond: fc.constantFrom(0, 0, 4000),
    read: eventfdRead,
  })
  .map((choice): Step => (situation) => {
    const iova = choice.page * PAGE;
    return [
      ...(choice.master ? [setCommand(COMMAND_AT_OPEN | 4)] : []),
      map(choice.buffer, iova, PAGE, choice.flags),
      { op: 'buffer_write', name: choice.buffer, offset: choice.beyond, data: 'c0ffee4dad' },
      ...transfer(choice.command, iova + choice.beyond, choice.offset, choice.count),
      load(DMA_COMMAND, 8),
      { op: 'buffer_read', name: choice.buffer, offset: 0, length: 128 },
      ...choice.read(situation),
    ];
  });

export const edu: Target = {
  name: 'edu',
  mock: 'mock:edu',
  vectors: [1, 1, 0, 0, 1],
  configSize: 256,
  capabilities: { msi: 0x40 },
  raw: [RAW],
  bars: [
    {
      index: 0,
      size: 0x100000,
      reads: [
        ...[0x00, LIVENESS, FACTORIAL, STATUS, 0x24, RAISE, ACKNOWLEDGE],
        ...[SOURCE, SOURCE + 4, DESTINATION, COUNT, DMA_COMMAND, 0x01, 0x02, 0x0c, 0x1c, 0xa0],
        BUFFER,
      ],
      writes: [
        { offset: LIVENESS, values: [] },
        { offset: LIVENESS + 2, values: [0] },
        { offset: 0x00, values: [0] },
        { offset: STATUS, values: [0, 0x80, 0xffffffff] },
        { offset: SOURCE, values: [] },
        { offset: DESTINATION, values: [] },
        { offset: COUNT, values: [] },
        { offset: DMA_COMMAND, values: [0, 2, 4, 6] },
      ],
    },
  ],
  prologue: [
    clearConfig(RAW),
    ...[store(LIVENESS, 0), store(STATUS, 0), store(FACTORIAL, 0), store(ACKNOWLEDGE, 0xffffffff)],
    { op: 'buffer', name: 'zeros', size: PAGE },
    map('zeros', IOVA, PAGE),
    setCommand(COMMAND_AT_OPEN | 4),
    ...transfer(RUN, IOVA, 0, BUFFER_SIZE),
    ...[store(SOURCE, 0, 8), store(DESTINATION, 0, 8), store(COUNT, 0, 8)],
    setCommand(COMMAND_AT_OPEN),
    { op: 'dma_unmap', iova: IOVA, size: PAGE, flags: 0 },
  ],
  releasePin: [store(ACKNOWLEDGE, 0xffffffff)],
  messageMs: INTERRUPT_MS,
  steps: fc.oneof(
    { weight: 6, arbitrary: raise },
    { weight: 3, arbitrary: acknowledge },
    { weight: 2, arbitrary: compute },
    { weight: 1, arbitrary: dma },
  ),
};
