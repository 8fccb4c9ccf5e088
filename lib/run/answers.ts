import type { DeviceInfo, IovaRange, IrqInfo, RegionInfo } from '../backend/contract.js';
import type { VfioError } from '../errors.js';

/** What an operation answers with, beside `ok`. */
export type Answer = Readonly<Record<string, unknown>>;

/** What a line was answered with: always `ok`, then the operation's own fields or a `code`. */
export type Reply = Answer & { readonly ok: boolean };

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

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
