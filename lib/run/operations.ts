import { closeSync } from 'node:fs';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { type Answer, hex, info, iovaRanges, irqInfo, regionInfo } from './answers.js';
import { type Fields, OperationError } from './fields.js';
import { IRQ_SET_FIELDS, parseIrqSet } from './irq-set.js';
import { readMmio, writeMmio } from './mmio.js';
import type { Session } from './session.js';

/** An operation of `vfio run`. */
export interface Operation {
  /** Names of the fields, without the field `op`. */
  readonly fields: readonly string[];
  run(session: Session, fields: Fields): Answer | Promise<Answer>;
}

/** Longest delay of a Node.js timer, in ms. With a longer delay, the timer would end at once. */
const MAX_SLEEP_MS = 2 ** 31 - 1;
/** Time that `eventfd_read` waits for a signal, in ms. After this time, the answer is 0. */
const EVENTFD_TIMEOUT_MS = 50;

function operation(fields: readonly string[], run: Operation['run']): Operation {
  return { fields, run };
}

/**
 * Returns `length` bytes of a named buffer. The fields `name` and `offset` select the buffer and
 * the first byte.
 */
function sliceBuffer(session: Session, fields: Fields, length: number): Uint8Array {
  const memory = session.getBuffer(fields.text('name'));
  const offset = fields.number('offset');
  if (offset + length > memory.size) {
    const end = `0x${(offset + length).toString(16)}`;
    throw new OperationError(
      `the access ends at ${end}, past the end of the buffer at 0x${memory.size.toString(16)}`,
    );
  }
  return new Uint8Array(memory.buffer, offset, length);
}

/** Waits, then yields to the event loop once more, so that a mock device can run. */
async function pause(ms: number): Promise<void> {
  await delay(ms);
  await turn();
}

async function readEventfd(session: Session, name: string): Promise<bigint> {
  const eventfd = session.getEventfd(name);
  const until = performance.now() + EVENTFD_TIMEOUT_MS;
  let value = eventfd.read();
  while (value === 0n && performance.now() < until) {
    await pause(1);
    value = eventfd.read();
  }
  return value;
}

/**
 * Maps operation names to the operations of `vfio run`. Each operation makes one call to the back
 * end.
 */
export const operations: Readonly<Record<string, Operation>> = {
  info: operation([], ({ connection }) => info(connection.getInfo())),
  region_info: operation(['index'], ({ connection }, fields) =>
    regionInfo(connection.getRegionInfo(fields.u32('index'))),
  ),
  irq_info: operation(['index'], ({ connection }, fields) =>
    irqInfo(connection.getIrqInfo(fields.u32('index'))),
  ),
  read: operation(['region', 'offset', 'length'], ({ connection }, fields) => {
    const bytes = new Uint8Array(fields.number('length'));
    const length = connection.read(fields.u32('region'), fields.number('offset'), bytes);
    return { data: hex(bytes.subarray(0, length)) };
  }),
  write: operation(['region', 'offset', 'data'], ({ connection }, fields) => ({
    length: connection.write(fields.u32('region'), fields.number('offset'), fields.data('data')),
  })),
  set_irqs: operation(IRQ_SET_FIELDS, (session, fields) => ({
    result: session.connection.setIrqs(parseIrqSet(session, fields)),
  })),
  eventfd_read: operation(['name'], async (session, fields) => ({
    value: await readEventfd(session, fields.text('name')),
  })),
  feature: operation(['flags', 'data'], ({ connection }, fields) => {
    const data = fields.has('data') ? fields.data('data') : new Uint8Array();
    const descriptor = connection.feature(fields.u32('flags'), data);
    // Only DMA_BUF returns a descriptor. No operation can use the descriptor.
    if (descriptor > 0) closeSync(descriptor);
    return { data: hex(data) };
  }),
  reset: operation([], async ({ connection }) => {
    await connection.reset();
    return {};
  }),
  buffer: operation(['name', 'size'], (session, fields) => {
    const size = fields.number('size');
    session.addBuffer(fields.text('name'), (space) => space.allocate(size, false));
    return {};
  }),
  buffer_read: operation(['name', 'offset', 'length', 'inferred'], (session, fields) => ({
    data: hex(sliceBuffer(session, fields, fields.number('length'))),
  })),
  buffer_write: operation(['name', 'offset', 'data', 'inferred'], async (session, fields) => {
    const data = fields.data('data');
    const bytes = sliceBuffer(session, fields, data.length);
    const name = fields.text('name');
    const offset = fields.number('offset');
    if (fields.mark('inferred')) await session.changes.write(name, offset, data, bytes);
    else bytes.set(data);
    session.changes.noteWrite(name, offset, data);
    return {};
  }),
  dma_map: operation(
    ['buffer', 'buffer_offset', 'iova', 'size', 'flags'],
    async (session, fields) => {
      await session.connection.addressSpace.map(
        session.getBuffer(fields.text('buffer')),
        fields.number('buffer_offset'),
        fields.bigint('size'),
        fields.bigint('iova'),
        fields.u32('flags'),
      );
      return {};
    },
  ),
  dma_unmap: operation(['iova', 'size', 'flags'], ({ connection }, fields) => {
    const iova = fields.bigint('iova');
    const size = fields.bigint('size');
    return { size: connection.addressSpace.unmap(iova, size, fields.u32('flags')) };
  }),
  iova_ranges: operation([], ({ connection }) => iovaRanges(connection.addressSpace.ranges())),
  mmio_read: operation(['region', 'offset', 'width'], (session, fields) => ({
    value: readMmio(session, fields),
  })),
  mmio_write: operation(['region', 'offset', 'width', 'value'], (session, fields) => {
    writeMmio(session, fields);
    return {};
  }),
  sleep: operation(['ms'], async (_session, fields) => {
    const ms = fields.number('ms');
    if (ms > MAX_SLEEP_MS) throw new OperationError('"ms" must be below 2^31');
    await pause(ms);
    return {};
  }),
};
