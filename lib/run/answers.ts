import type { DeviceInfo, IovaRange, IrqInfo, RegionInfo } from '../contract/index.js';
import type { VfioError } from '../errors.js';
import { OperationError } from './fields.js';

/** The fields of an answer, without the field `ok`. */
export type Answer = Readonly<Record<string, unknown>>;

/**
 * The answer to one line of a script: the field `ok`, and the results of the operation or an error
 * `code`.
 */
export type Reply = Answer & { readonly ok: boolean };

/**
 * Maximum number of bytes in one answer. The hex digits of this number of bytes fit into a string
 * of every supported Node.js version.
 */
const MAX_BYTES = 2 ** 27;

/**
 * Converts bytes to hex digits.
 *
 * @throws OperationError for more than 2^27 bytes
 */
export function hex(bytes: Uint8Array): string {
  if (bytes.length > MAX_BYTES) {
    throw new OperationError(`${bytes.length} bytes exceed the limit of one answer (2^27 bytes)`);
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
