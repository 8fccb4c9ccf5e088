import type {
  DeviceInfo,
  Eventfd,
  IovaRange,
  IrqInfo,
  IrqSet,
  Memory,
  RegionInfo,
} from '../../contract/index.js';
import type { Call } from '../index.js';
import { hex, info, iovaRanges, irqInfo, regionInfo, type Answer } from '../../run/answers.js';
import type { Names } from './names.js';

/** A line of a script, without its answer. */
export type Operation = { readonly op: string } & Readonly<Record<string, unknown>>;

/** An operation, and the answer to it as the call's value gives it. */
export interface Said {
  readonly operation: Operation;
  readonly answer: (value: unknown) => Answer;
}

/** How a thing that takes part is called. */
export interface Vocabulary {
  readonly eventfds: Names<Eventfd>;
  readonly memories: Names<Memory>;
}

type Translate = (args: readonly unknown[], words: Vocabulary, call: Call) => readonly Said[];

const nothing = (): Answer => ({});

function say(operation: Operation, answer: Said['answer'] = nothing): readonly Said[] {
  return [{ operation, answer }];
}

/** Little-endian bytes in hex. */
function littleEndian(value: number | bigint, width: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(8 * width, BigInt(value)));
  return hex(bytes.subarray(0, width));
}

function read(region: unknown, offset: unknown, length: number, answer: Said['answer']) {
  return say({ op: 'read', region, offset, length }, answer);
}

function write(region: unknown, offset: unknown, data: string, answer: Said['answer']) {
  return say({ op: 'write', region, offset, data }, answer);
}

const reset: Translate = () => say({ op: 'reset' });

function fds({ eventfds = [] }: IrqSet, words: Vocabulary) {
  return eventfds.map((one) =>
    typeof one === 'object' && one !== null ? words.eventfds.of(one) : one,
  );
}

const device: Readonly<Record<string, Translate>> = {
  getInfo: () => say({ op: 'info' }, (value) => info(value as DeviceInfo)),
  getRegionInfo: ([index]) =>
    say({ op: 'region_info', index }, (value) => regionInfo(value as RegionInfo)),
  getIrqInfo: ([index]) => say({ op: 'irq_info', index }, (value) => irqInfo(value as IrqInfo)),
  setIrqs([argument], words) {
    const set = argument as IrqSet;
    const { index, flags, start, count, argsz, eventfds, bools } = set;
    const data = {
      ...(argsz === undefined ? {} : { argsz }),
      ...(eventfds === undefined ? {} : { fds: fds(set, words) }),
      ...(bools === undefined ? {} : { bools: [...bools] }),
    };
    return say({ op: 'set_irqs', index, flags, start, count, ...data }, (result) => ({ result }));
  },
  feature([flags, bytes]) {
    const data = bytes as Uint8Array;
    return say({ op: 'feature', flags, data: hex(data) }, () => ({ data: hex(data) }));
  },
  read([region, offset, into]) {
    const bytes = into as Uint8Array;
    return read(region, offset, bytes.length, (length) => ({
      data: hex(bytes.subarray(0, length as number)),
    }));
  },
  write([region, offset, from]) {
    return write(region, offset, hex(from as Uint8Array), (length) => ({ length }));
  },
  load([region, offset, width]) {
    return read(region, offset, width as number, (value) => ({
      data: littleEndian(value as number, width as number),
    }));
  },
  store([region, offset, width, value]) {
    const data = littleEndian(value as number, width as number);
    return write(region, offset, data, () => ({ length: width }));
  },
  reset,
  resetSync: reset,
};

function load(width: number): Translate {
  return ([offset], _words, { subject: { region, offset: start = 0 } }) =>
    say({ op: 'mmio_read', region, offset: start + (offset as number), width }, (value) => ({
      value,
    }));
}

function store(width: number): Translate {
  return ([offset, value], _words, { subject: { region, offset: start = 0 } }) =>
    say({ op: 'mmio_write', region, offset: start + (offset as number), width, value });
}

/** A block is an access for each of its registers. */
function block(
  one: (width: number) => Translate,
  answer: (bytes: Buffer) => Said['answer'],
): Translate {
  return ([offset, bytes, size], words, call) => {
    const width = size as number;
    const all = bytes as Uint8Array;
    const count = Math.floor(all.length / width);
    return Array.from({ length: count }, (_, i) => i * width).flatMap((at) => {
      const part = Buffer.from(all.buffer, all.byteOffset + at, width);
      const value = littleEndianValue(part);
      const said = one(width)([(offset as number) + at, value], words, call);
      return said.map(({ operation }) => ({ operation, answer: answer(part) }));
    });
  };
}

function littleEndianValue(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);
}

const window: Readonly<Record<string, Translate>> = {
  read8: load(1),
  read16: load(2),
  read32: load(4),
  read64: load(8),
  write8: store(1),
  write16: store(2),
  write32: store(4),
  write64: store(8),
  readBlock: block(load, (bytes) => () => ({ value: littleEndianValue(bytes) })),
  writeBlock: block(store, () => nothing),
};

const map: Translate = ([memory, offset, size, iova, flags], { memories }) =>
  say({
    op: 'dma_map',
    buffer: memories.of(memory as Memory),
    buffer_offset: offset,
    iova,
    size,
    flags,
  });

const addressSpace: Readonly<Record<string, Translate>> = {
  map,
  mapSync: map,
  unmap: ([iova, size, flags]) =>
    say({ op: 'dma_unmap', iova, size, flags }, (bytes) => ({ size: bytes })),
  ranges: () => say({ op: 'iova_ranges' }, (value) => iovaRanges(value as IovaRange[])),
};

const calls: Readonly<Record<string, Readonly<Record<string, Translate>>>> = {
  device,
  window,
  addressSpace,
};

/** A call in the language of `vfio run`; nothing if there is no operation for it. */
export function translate(call: Call, words: Vocabulary): readonly Said[] {
  const known = calls[call.subject.kind] ?? {};
  const own = Object.hasOwn(known, call.method) ? known[call.method] : undefined;
  return own === undefined ? [] : own(call.args, words, call);
}
