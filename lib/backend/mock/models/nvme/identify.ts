import {
  ASYNC_EVENT_LIMIT,
  COMPLETION_ENTRY,
  MAX_DATA_TRANSFER,
  NAMESPACE,
  NAMESPACES,
  SUBMISSION_ENTRY,
} from './limits.js';
import type { Namespace } from './namespace.js';

const SIZE = 4096;
export const VERSION = 0x0001_0400;
/** Kelvin. */
export const TEMPERATURE = 0x143;
export const TEMPERATURE_WARNING = 0x157;
const TEMPERATURE_CRITICAL = 0x175;

const SERIAL = 'MOCK0001';
const MODEL = 'vfio mock NVMe';
export const FIRMWARE = '1.0';
const UUID = '6d6f636b-6e76-4d65-8000-000000000001';

/** Builder for an Identify data structure of 4096 bytes. */
class Structure {
  readonly bytes = new Uint8Array(SIZE);
  readonly #view = new DataView(this.bytes.buffer);

  u8(offset: number, ...values: number[]): this {
    this.bytes.set(values, offset);
    return this;
  }

  u16(offset: number, value: number): this {
    this.#view.setUint16(offset, value, true);
    return this;
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: number): this {
    this.#view.setBigUint64(offset, BigInt(value), true);
    return this;
  }

  /** Writes ASCII text and pads the text with spaces. */
  text(offset: number, length: number, value: string): this {
    return this.u8(offset, ...Buffer.from(value.padEnd(length), 'latin1'));
  }
}

/** Identify Controller (base specification 1.4, figure 247). */
export function identifyController(): Uint8Array {
  return (
    new Structure()
      .u16(0, 0x1b36)
      .u16(2, 0x1af4)
      .text(4, 20, SERIAL)
      .text(24, 40, MODEL)
      .text(64, 8, FIRMWARE)
      .u8(72, 6)
      .u8(73, 0x00, 0x54, 0x52)
      .u8(77, MAX_DATA_TRANSFER)
      .u32(80, VERSION)
      // Controller type: I/O controller. Optional admin commands: none.
      .u8(111, 1)
      .u8(258, 3, ASYNC_EVENT_LIMIT)
      // One firmware slot, which is read-only. Get Log Page supports logs for each namespace and
      // log page offsets.
      .u8(260, 0x03, 0x05)
      .u16(266, TEMPERATURE_WARNING)
      .u16(268, TEMPERATURE_CRITICAL)
      .u8(512, (SUBMISSION_ENTRY << 4) | SUBMISSION_ENTRY)
      .u8(513, (COMPLETION_ENTRY << 4) | COMPLETION_ENTRY)
      .u32(516, NAMESPACES)
      // Supported: Write Zeroes, and the Select field of Get Features.
      .u16(520, 0x18)
      // A volatile write cache. A Flush command can apply to all namespaces.
      .u8(525, 0x07)
      .u8(768, ...Buffer.from(`nqn.2014-08.org.nvmexpress:uuid:${UUID}`))
      // Power state 0: 25 W.
      .u16(2048, 2500)
      .u32(2052, 16)
      .u32(2056, 4).bytes
  );
}

/** Identify Namespace (figure 245). The namespace has one format, without metadata. */
export function identifyNamespace({ blocks, blockSize }: Namespace): Uint8Array {
  return new Structure()
    .u64(0, blocks)
    .u64(8, blocks)
    .u64(16, blocks)
    .u32(128, Math.log2(blockSize) << 16).bytes;
}

/** Active namespace list: the ids of all active namespaces above `after`. */
export function identifyActiveNamespaces(after: number): Uint8Array {
  return new Structure().u32(0, after < NAMESPACE ? NAMESPACE : 0).bytes;
}

/**
 * Namespace Identification Descriptors (figure 249): the UUID and the command set of the namespace.
 */
export function identifyDescriptors(): Uint8Array {
  const uuid = Buffer.from(UUID.replaceAll('-', ''), 'hex');
  return new Structure().u8(0, 3, 16, 0, 0, ...uuid).u8(20, 4, 1, 0, 0, 0).bytes;
}

/**
 * Returns zeros, for an inactive namespace and for the command-set specific data of the NVM command
 * set.
 */
export function identifyZeros(): Uint8Array {
  return new Structure().bytes;
}

/**
 * Supported combinations of I/O command sets. The controller supports one combination, which
 * contains only the NVM command set.
 */
export function identifyCommandSets(): Uint8Array {
  return new Structure().u64(0, 1).bytes;
}
