import fc from '../../fast-check.js';
import { eventfdRead } from '../generate/interrupts.js';
import type { Step } from '../generate/situation.js';
import type { Op } from '../script.js';
import type { Span, Target } from '../targets.js';
import { clearConfig, hex, load, map, setCommand, sleep, store } from './ops.js';

const INTMS = 0x0c;
const INTMC = 0x10;
const CC = 0x14;
const CSTS = 0x1c;
const AQA = 0x24;
const ASQ = 0x28;
const ACQ = 0x30;
const SUBMIT = 0x1000;
const ACKNOWLEDGE = 0x1004;
const TABLE: Span = [0x2000, 0x2410];
const PBA = 0x3000;

const COMMAND_AT_OPEN = 0x103;
const ENABLE = 0x0046_0001;
const ENTRIES = 4;
const SUBMISSIONS = 0x100000;
const COMPLETIONS = 0x101000;
/** Time in milliseconds that the emulated controller needs to process a doorbell write. */
const DONE_MS = 12;
/** Time in milliseconds until an interrupt of the emulated machine arrives. */
const INTERRUPT_MS = 3;
const RAW: readonly Span[] = [
  [0x4c, 0x60],
  [0x68, 0x80],
  [0xbc, 0x100],
  [0x100, 0x120],
  [0xff0, 0x1000],
];

/** A step that starts the controller with admin queues of four entries. */
const start = fc
  .tuple(fc.constantFrom(ENTRIES - 1, ENTRIES - 1, 0), fc.constantFrom(ENABLE, ENABLE, 0x0046_0011))
  .map(([entries, configuration]): Step => (situation) => {
    situation.count('tail', 0);
    return [
      map('submissions', SUBMISSIONS, 4096),
      map('completions', COMPLETIONS, 4096),
      { op: 'buffer_write', name: 'completions', offset: 0, data: '00'.repeat(ENTRIES * 16) },
      setCommand(COMMAND_AT_OPEN | 4),
      store(CC, 0),
      store(AQA, (entries << 16) | entries),
      store(ASQ, SUBMISSIONS, 8),
      store(ACQ, COMPLETIONS, 8),
      store(CC, configuration),
      sleep(DONE_MS),
      load(CSTS),
    ];
  });

/**
 * Index of MSI-X, the only interrupt that scripts use for completions. Scripts do not use INTx,
 * because QEMU's controller keeps the state of the pin across every reset.
 */
const MSIX = 2;

/**
 * Commands without data and without lasting effects. Each element contains the opcode, dword 10 and
 * dword 11.
 */
const command = fc.oneof(
  // Get Features: arbitration, number of queues, interrupt coalescing and an unknown feature.
  fc.constantFrom([0x0a, 1, 0], [0x0a, 7, 0], [0x0a, 8, 0], [0x0a, 0xff, 0]),
  // Set Features: number of queues.
  fc.constantFrom([0x09, 7, 0x0003_0003]),
  // Commands that create and delete completion queues and submission queues.
  fc
    .tuple(fc.constantFrom(0, 1, 2, 64, 65), fc.constantFrom(0, 1, 3, 0x7ff), fc.nat(66))
    .map(([id, size, vector]) => [0x05, id | (size << 16), 3 | (vector << 16)]),
  fc.constantFrom([0x01, 0x0003_0001, 0x0001_0001], [0x01, 1, 0x0002_0001]),
  fc.constantFrom([0x00, 1], [0x00, 0], [0x04, 1], [0x04, 0], [0x04, 9]),
  // An unknown opcode.
  fc.constantFrom([0x7f, 0, 0]),
);

const submit = fc
  .tuple(command, fc.constantFrom(0, 1, 2), fc.boolean(), eventfdRead)
  .map(([[opcode = 0, dword10 = 0, dword11 = 0], slot, acknowledge, read]): Step => (situation) => {
    const tail = situation.counter('tail');
    const next = (tail + 1) % ENTRIES;
    situation.count('tail', next);
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(opcode | ((tail + 1) << 16), 0);
    // PRP1 contains the address of the memory for a new queue.
    entry.writeUInt32LE(COMPLETIONS + 0x400 + slot * 0x100, 24);
    entry.writeUInt32LE(dword10, 40);
    entry.writeUInt32LE(dword11, 44);
    const data = entry.toString('hex');
    return [
      ...situation.enable(MSIX),
      { op: 'buffer_write', name: 'submissions', offset: tail * 64, data },
      store(SUBMIT, next),
      sleep(DONE_MS),
      { op: 'buffer_read', name: 'completions', offset: 0, length: ENTRIES * 16 },
      ...read(situation),
      ...(acknowledge ? [store(ACKNOWLEDGE, next), sleep(DONE_MS)] : []),
      load(CSTS),
    ];
  });

/** Doorbells of existing queues and of missing queues. */
const doorbell = fc
  .tuple(fc.nat(9), fc.constantFrom(0, 1, 3, 4, 0xffff))
  .map(([n, value]): Step => (situation) => [
    ...situation.enable(MSIX),
    { op: 'write', region: 0, offset: SUBMIT + 4 * n, data: hex(value, 4) },
    sleep(DONE_MS),
    load(CSTS),
  ]);

/**
 * Use count of a vector after {@link useVector}. The count is so high that no script can reduce it
 * to zero.
 */
const USES = 4;

/**
 * Operations that keep the admin queue's vector in use for all scripts. QEMU's controller sends
 * messages only for vectors that are in use. The controller changes the use count of a vector when
 * a queue is created or deleted while MSI-X is enabled. No reset clears the use count. If a queue
 * is created while MSI-X is enabled but deleted while MSI-X is disabled, the use count stays one
 * too high.
 */
const useVector: readonly Op[] = [
  { op: 'set_irqs', index: MSIX, flags: 0x24, start: 0, count: 1, fds: [null] },
  ...[store(CC, 0), store(AQA, ((ENTRIES - 1) << 16) | (ENTRIES - 1))],
  ...[store(ASQ, SUBMISSIONS, 8), store(ACQ, COMPLETIONS, 8), store(CC, ENABLE)],
  { op: 'set_irqs', index: MSIX, flags: 0x21, start: 0, count: 0 },
  store(CC, 0),
];

export const nvme: Target = {
  name: 'nvme',
  mock: 'mock:nvme',
  vectors: [1, 0, 65, 1, 1],
  configSize: 4096,
  capabilities: { pm: 0x60, msix: 0x40, pcie: 0x80 },
  raw: RAW,
  bars: [
    {
      index: 0,
      size: 0x4000,
      reads: [
        ...[0x00, 0x04, 0x08, INTMS, INTMC, CC, 0x18, CSTS, 0x20, AQA, ASQ, ASQ + 4, ACQ, ACQ + 4],
        ...[0x38, 0x3c, 0x40, 0x58, 0xe00, 0xe04, 0xffc, SUBMIT, ACKNOWLEDGE],
        ...[TABLE[0] - 4, TABLE[0], TABLE[0] + 12, TABLE[1] - 4, TABLE[1], PBA, PBA + 8, PBA + 16],
      ],
      writes: [
        { offset: INTMS, values: [] },
        { offset: INTMC, values: [] },
        { offset: CC, values: [0, ENABLE, 0x0046_4001, 0x0046_0011, 0x0046_07f1, 1] },
        { offset: CSTS, values: [] },
        { offset: 0x00, values: [0] },
        { offset: AQA, values: [] },
        { offset: ASQ, values: [] },
        { offset: ASQ + 4, values: [0, 1] },
        { offset: ACQ, values: [] },
        { offset: ACQ + 4, values: [0, 1] },
        { offset: 0x20, values: [0, 0x4e564d65] },
        { offset: TABLE[0] + 12, values: [0, 1] },
        { offset: TABLE[1] - 4, values: [0, 1] },
        { offset: PBA, values: [0, 0xffffffff] },
      ],
      table: TABLE,
    },
  ],
  prologue: [
    ...RAW.map(clearConfig),
    ...Array.from({ length: USES }, () => useVector).flat(),
    ...[store(AQA, 0), store(ASQ, 0, 8), store(ACQ, 0, 8)],
    store(INTMC, 0xffffffff),
  ],
  releasePin: [],
  messageMs: INTERRUPT_MS,
  steps: fc.oneof(
    { weight: 2, arbitrary: start },
    { weight: 5, arbitrary: submit },
    { weight: 1, arbitrary: doorbell },
  ),
};
