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

/** An operation of a script, without its answer. */
export type Operation = { readonly op: string } & Readonly<Record<string, unknown>>;

/** An operation, and a function that derives the answer from the result of the call. */
export interface ScriptLine {
  readonly operation: Operation;
  readonly answer: (value: unknown) => Answer;
}

/** The names of the objects in a script. */
export interface ObjectNames {
  readonly eventfds: Names<Eventfd>;
  readonly memories: Names<Memory>;
}

type Translate = (
  args: readonly unknown[],
  names: ObjectNames,
  call: Call,
) => readonly ScriptLine[];

const noFields = (): Answer => ({});

function scriptLine(
  operation: Operation,
  answer: ScriptLine['answer'] = noFields,
): readonly ScriptLine[] {
  return [{ operation, answer }];
}

/** Returns a value as little-endian bytes in hex. */
function littleEndianHex(value: number | bigint, width: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(8 * width, BigInt(value)));
  return hex(bytes.subarray(0, width));
}

function readLine(region: unknown, offset: unknown, length: number, answer: ScriptLine['answer']) {
  return scriptLine({ op: 'read', region, offset, length }, answer);
}

function writeLine(region: unknown, offset: unknown, data: string, answer: ScriptLine['answer']) {
  return scriptLine({ op: 'write', region, offset, data }, answer);
}

const translateReset: Translate = () => scriptLine({ op: 'reset' });

function fdsOf({ eventfds = [] }: IrqSet, names: ObjectNames) {
  return eventfds.map((fd) =>
    typeof fd === 'object' && fd !== null ? names.eventfds.nameOf(fd) : fd,
  );
}

const device: Readonly<Record<string, Translate>> = {
  getInfo: () => scriptLine({ op: 'info' }, (value) => info(value as DeviceInfo)),
  getRegionInfo: ([index]) =>
    scriptLine({ op: 'region_info', index }, (value) => regionInfo(value as RegionInfo)),
  getIrqInfo: ([index]) =>
    scriptLine({ op: 'irq_info', index }, (value) => irqInfo(value as IrqInfo)),
  setIrqs([argument], names) {
    const set = argument as IrqSet;
    const { index, flags, start, count, argsz, eventfds, bools } = set;
    const data = {
      ...(argsz === undefined ? {} : { argsz }),
      ...(eventfds === undefined ? {} : { fds: fdsOf(set, names) }),
      ...(bools === undefined ? {} : { bools: [...bools] }),
    };
    return scriptLine({ op: 'set_irqs', index, flags, start, count, ...data }, (result) => ({
      result,
    }));
  },
  feature([flags, bytes]) {
    const data = bytes as Uint8Array;
    return scriptLine({ op: 'feature', flags, data: hex(data) }, () => ({ data: hex(data) }));
  },
  read([region, offset, target]) {
    const bytes = target as Uint8Array;
    return readLine(region, offset, bytes.length, (length) => ({
      data: hex(bytes.subarray(0, length as number)),
    }));
  },
  write([region, offset, source]) {
    return writeLine(region, offset, hex(source as Uint8Array), (length) => ({ length }));
  },
  load([region, offset, width]) {
    return readLine(region, offset, width as number, (value) => ({
      data: littleEndianHex(value as number, width as number),
    }));
  },
  store([region, offset, width, value]) {
    const data = littleEndianHex(value as number, width as number);
    return writeLine(region, offset, data, () => ({ length: width }));
  },
  reset: translateReset,
  resetSync: translateReset,
};

function translateLoad(width: number): Translate {
  return ([offset], _names, { subject: { region, offset: start = 0 } }) =>
    scriptLine({ op: 'mmio_read', region, offset: start + (offset as number), width }, (value) => ({
      value,
    }));
}

function translateStore(width: number): Translate {
  return ([offset, value], _names, { subject: { region, offset: start = 0 } }) =>
    scriptLine({ op: 'mmio_write', region, offset: start + (offset as number), width, value });
}

/** Translates a block access into one register access for each element. */
function translateBlock(
  translateAccess: (width: number) => Translate,
  answer: (bytes: Buffer) => ScriptLine['answer'],
): Translate {
  return ([offset, bytes, size], names, call) => {
    const width = size as number;
    const all = bytes as Uint8Array;
    const count = Math.floor(all.length / width);
    return Array.from({ length: count }, (_, i) => i * width).flatMap((at) => {
      const part = Buffer.from(all.buffer, all.byteOffset + at, width);
      const value = littleEndianValue(part);
      const lines = translateAccess(width)([(offset as number) + at, value], names, call);
      return lines.map(({ operation }) => ({ operation, answer: answer(part) }));
    });
  };
}

function littleEndianValue(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);
}

const window: Readonly<Record<string, Translate>> = {
  read8: translateLoad(1),
  read16: translateLoad(2),
  read32: translateLoad(4),
  read64: translateLoad(8),
  write8: translateStore(1),
  write16: translateStore(2),
  write32: translateStore(4),
  write64: translateStore(8),
  readBlock: translateBlock(translateLoad, (bytes) => () => ({ value: littleEndianValue(bytes) })),
  writeBlock: translateBlock(translateStore, () => noFields),
};

const translateMap: Translate = ([memory, offset, size, iova, flags], { memories }) =>
  scriptLine({
    op: 'dma_map',
    buffer: memories.nameOf(memory as Memory),
    buffer_offset: offset,
    iova,
    size,
    flags,
  });

const addressSpace: Readonly<Record<string, Translate>> = {
  map: translateMap,
  mapSync: translateMap,
  unmap: ([iova, size, flags]) =>
    scriptLine({ op: 'dma_unmap', iova, size, flags }, (bytes) => ({ size: bytes })),
  ranges: () => scriptLine({ op: 'iova_ranges' }, (value) => iovaRanges(value as IovaRange[])),
};

const calls: Readonly<Record<string, Readonly<Record<string, Translate>>>> = {
  device,
  window,
  addressSpace,
};

/**
 * Translates a call into operations of `vfio run`. Returns an empty list if no operation matches
 * the call, or if an argument has a wrong type. The library refuses such an argument.
 */
export function translateCall(call: Call, names: ObjectNames): readonly ScriptLine[] {
  const known = calls[call.subject.kind] ?? {};
  const translate = Object.hasOwn(known, call.method) ? known[call.method] : undefined;
  if (translate === undefined) return [];
  try {
    return translate(call.args, names, call);
  } catch {
    return [];
  }
}
