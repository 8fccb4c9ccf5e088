import { setTimeout as delay } from 'node:timers/promises';
import type { IrqSet } from '../backend/contract.js';
import { type Fields, OperationError } from './fields.js';
import type { Session } from './session.js';

/** What an operation answers with, beside `ok`. */
export type Answer = Readonly<Record<string, unknown>>;
type Operation = (session: Session, fields: Fields) => Answer | Promise<Answer>;

/** How long a signal may take to arrive before `eventfd_read` answers 0. */
const EVENTFD_PATIENCE_MS = 50;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function width(fields: Fields): 1 | 2 | 4 | 8 {
  const value = fields.number('width');
  if (value === 1 || value === 2 || value === 4 || value === 8) return value;
  throw new OperationError('"width" must be 1, 2, 4 or 8');
}

/** Part of a named buffer. */
function slice(session: Session, fields: Fields, length: (rest: number) => number): Uint8Array {
  const memory = session.buffer(fields.text('name'));
  const offset = fields.number('offset');
  const size = length(memory.size - offset);
  if (offset + size > memory.size) throw new OperationError('past the end of the buffer');
  return new Uint8Array(memory.buffer, offset, size);
}

function irqSet(session: Session, fields: Fields): IrqSet {
  const set = {
    index: fields.u32('index'),
    flags: fields.u32('flags'),
    start: fields.u32('start'),
    count: fields.u32('count'),
    ...(fields.has('argsz') ? { argsz: fields.u32('argsz') } : {}),
  };
  if (fields.has('bools')) {
    return { ...set, bools: fields.list('bools').map((value) => (value ? 1 : 0)) };
  }
  if (!fields.has('fds')) return set;
  const eventfds = fields.list('fds').map((value) => {
    if (typeof value === 'string') return session.eventfd(value);
    if (value === null || typeof value === 'number') return value;
    throw new OperationError('"fds" has names, null and numbers');
  });
  return { ...set, eventfds };
}

async function eventfdRead(session: Session, fields: Fields): Promise<Answer> {
  const eventfd = session.knownEventfd(fields.text('name'));
  const until = performance.now() + EVENTFD_PATIENCE_MS;
  let value = eventfd.read();
  while (value === 0n && performance.now() < until) {
    await delay(1);
    value = eventfd.read();
  }
  return { value };
}

function mmioRead(session: Session, fields: Fields): Answer {
  const window = session.window(fields.number('region'));
  const offset = fields.number('offset');
  const read = {
    1: () => window.read8(offset),
    2: () => window.read16(offset),
    4: () => window.read32(offset),
    8: () => window.read64(offset),
  };
  return { value: read[width(fields)]() };
}

function mmioWrite(session: Session, fields: Fields): Answer {
  const window = session.window(fields.number('region'));
  const offset = fields.number('offset');
  const value = fields.bigint('value');
  const write = {
    1: () => {
      window.write8(offset, Number(value));
    },
    2: () => {
      window.write16(offset, Number(value));
    },
    4: () => {
      window.write32(offset, Number(value));
    },
    8: () => {
      window.write64(offset, value);
    },
  };
  write[width(fields)]();
  return {};
}

/** The operations of `vfio run`, by name: one call of the contract each, nothing judged. */
export const operations: Readonly<Record<string, Operation>> = {
  info: ({ connection }) => {
    const { flags, numRegions, numIrqs } = connection.getInfo();
    return { flags, num_regions: numRegions, num_irqs: numIrqs };
  },
  region_info: ({ connection }, fields) => {
    const { flags, size, capabilities } = connection.getRegionInfo(fields.u32('index'));
    return { flags, size, caps: capabilities.map(({ id }) => id) };
  },
  irq_info: ({ connection }, fields) => {
    const { flags, count } = connection.getIrqInfo(fields.u32('index'));
    return { flags, count };
  },
  read: ({ connection }, fields) => {
    const into = new Uint8Array(fields.number('length'));
    const read = connection.read(fields.number('region'), fields.number('offset'), into);
    return { data: hex(into.subarray(0, read)) };
  },
  write: ({ connection }, fields) => ({
    length: connection.write(fields.number('region'), fields.number('offset'), fields.data('data')),
  }),
  set_irqs: (session, fields) => ({
    result: session.connection.setIrqs(irqSet(session, fields)),
  }),
  eventfd_read: eventfdRead,
  feature: ({ connection }, fields) => {
    const flags = fields.u32('flags');
    const data = fields.has('data') ? fields.data('data') : new Uint8Array();
    connection.feature(flags, data);
    return { data: hex(data) };
  },
  reset: async ({ connection }) => {
    await connection.reset();
    return {};
  },
  buffer: (session, fields) => {
    session.addBuffer(fields.text('name'), fields.number('size'));
    return {};
  },
  buffer_read: (session, fields) => ({
    data: hex(slice(session, fields, () => fields.number('length'))),
  }),
  buffer_write: (session, fields) => {
    const data = fields.data('data');
    slice(session, fields, () => data.length).set(data);
    return {};
  },
  dma_map: async (session, fields) => {
    await session.connection.addressSpace.map(
      session.buffer(fields.text('buffer')),
      fields.number('buffer_offset'),
      fields.bigint('size'),
      fields.bigint('iova'),
      fields.u32('flags'),
    );
    return {};
  },
  dma_unmap: ({ connection }, fields) => {
    const iova = fields.bigint('iova');
    const size = fields.bigint('size');
    return { size: connection.addressSpace.unmap(iova, size, fields.u32('flags')) };
  },
  iova_ranges: ({ connection }) => ({
    ranges: connection.addressSpace.ranges().map(({ start, end }) => [start, end]),
  }),
  mmio_read: mmioRead,
  mmio_write: mmioWrite,
  sleep: async (_session, fields) => {
    await delay(fields.number('ms'));
    return {};
  },
};
