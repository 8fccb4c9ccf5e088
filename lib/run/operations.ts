import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { type Answer, hex, info, iovaRanges, irqInfo, regionInfo } from './answers.js';
import { type Fields, OperationError } from './fields.js';
import { IRQ_SET_FIELDS, irqSet } from './irq-set.js';
import { mmioRead, mmioWrite } from './mmio.js';
import type { Session } from './session.js';

export interface Operation {
  /** Names of its fields, beside `op`. */
  readonly fields: readonly string[];
  run(session: Session, fields: Fields): Answer | Promise<Answer>;
}

/** Longer timers of Node fire at once. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;
/** How long a signal may take to arrive before `eventfd_read` answers 0. */
const EVENTFD_PATIENCE_MS = 50;

function operation(fields: readonly string[], run: Operation['run']): Operation {
  return { fields, run };
}

/** Part of a named buffer. */
function slice(session: Session, fields: Fields, length: number): Uint8Array {
  const memory = session.buffer(fields.text('name'));
  const offset = fields.number('offset');
  if (offset + length > memory.size) throw new OperationError('past the end of the buffer');
  return new Uint8Array(memory.buffer, offset, length);
}

/** An imitation works by the event loop, which may be late: it is given its turn all the same. */
async function pause(ms: number): Promise<void> {
  await delay(ms);
  await turn();
}

async function eventfdRead(session: Session, name: string): Promise<bigint> {
  const eventfd = session.knownEventfd(name);
  const until = performance.now() + EVENTFD_PATIENCE_MS;
  let value = eventfd.read();
  while (value === 0n && performance.now() < until) {
    await pause(1);
    value = eventfd.read();
  }
  return value;
}

/** The operations of `vfio run`, by name: one call of the contract each, nothing judged. */
export const operations: Readonly<Record<string, Operation>> = {
  info: operation([], ({ connection }) => info(connection.getInfo())),
  region_info: operation(['index'], ({ connection }, fields) =>
    regionInfo(connection.getRegionInfo(fields.u32('index'))),
  ),
  irq_info: operation(['index'], ({ connection }, fields) =>
    irqInfo(connection.getIrqInfo(fields.u32('index'))),
  ),
  read: operation(['region', 'offset', 'length'], ({ connection }, fields) => {
    const into = new Uint8Array(fields.number('length'));
    const length = connection.read(fields.u32('region'), fields.number('offset'), into);
    return { data: hex(into.subarray(0, length)) };
  }),
  write: operation(['region', 'offset', 'data'], ({ connection }, fields) => ({
    length: connection.write(fields.u32('region'), fields.number('offset'), fields.data('data')),
  })),
  set_irqs: operation(IRQ_SET_FIELDS, (session, fields) => ({
    result: session.connection.setIrqs(irqSet(session, fields)),
  })),
  eventfd_read: operation(['name'], async (session, fields) => ({
    value: await eventfdRead(session, fields.text('name')),
  })),
  feature: operation(['flags', 'data'], ({ connection }, fields) => {
    const data = fields.has('data') ? fields.data('data') : new Uint8Array();
    connection.feature(fields.u32('flags'), data);
    return { data: hex(data) };
  }),
  reset: operation([], async ({ connection }) => {
    await connection.reset();
    return {};
  }),
  buffer: operation(['name', 'size'], (session, fields) => {
    session.addBuffer(fields.text('name'), fields.number('size'));
    return {};
  }),
  buffer_read: operation(['name', 'offset', 'length'], (session, fields) => ({
    data: hex(slice(session, fields, fields.number('length'))),
  })),
  buffer_write: operation(['name', 'offset', 'data'], (session, fields) => {
    const data = fields.data('data');
    slice(session, fields, data.length).set(data);
    return {};
  }),
  dma_map: operation(
    ['buffer', 'buffer_offset', 'iova', 'size', 'flags'],
    async (session, fields) => {
      await session.connection.addressSpace.map(
        session.buffer(fields.text('buffer')),
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
    value: mmioRead(session, fields),
  })),
  mmio_write: operation(['region', 'offset', 'width', 'value'], (session, fields) => {
    mmioWrite(session, fields);
    return {};
  }),
  sleep: operation(['ms'], async (_session, fields) => {
    const ms = fields.number('ms');
    if (ms > LONGEST_SLEEP_MS) throw new OperationError('"ms" must be below 2^31');
    await pause(ms);
    return {};
  }),
};
