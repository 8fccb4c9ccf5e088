import type { DeviceInfo, IovaRange, IrqInfo, RegionInfo } from '../contract/index.js';
import type { VfioError } from '../errors.js';
import { OperationError } from './fields.js';

/** What an operation answers with, beside `ok`. */
export type Answer = Readonly<Record<string, unknown>>;

/** What a line was answered with: always `ok`, then the operation's own fields or a `code`. */
export type Reply = Answer & { readonly ok: boolean };

/** Bytes of one answer: the longest string that every Node makes has not four times as many. */
const MOST_BYTES = 2 ** 27;

export function hex(bytes: Uint8Array): string {
  if (bytes.length > MOST_BYTES) {
    throw new OperationError(`${bytes.length} bytes are more than one answer has: at most 2^27`);
  }
  const { buffer, byteOffset, length } = bytes;
  return Buffer.from(buffer, byteOffset, length).toString('hex');
}

export function info({ flags, numRegions, numIrqs }: DeviceInfo): Answer {
  return { flags, num_regions: numRegions, num_irqs: numIrqs };
}

export function regionInfo({ flags, size, capabilities }: RegionInfo): Answer {
  return { flags, size, caps: capabilities.map(({ id }) => id) };
}

export function irqInfo({ flags, count }: IrqInfo): Answer {
  return { flags, count };
}

export function iovaRanges(ranges: readonly IovaRange[]): Answer {
  return { ranges: ranges.map(({ start, end }) => [start, end]) };
}

export function failed({ code, syscall }: VfioError): Reply {
  return { ok: false, code, ...(syscall ? { syscall } : {}) };
}
