import { checkBytes, checkInteger } from '../checks.js';
import { u16, u32, u8 } from './bytes.js';

/**
 * A structure of a virtio device in a BAR: Virtual I/O Device Specification 1.2, section 4.1.4. The
 * names are those of the specification, without the prefix `VIRTIO_PCI_CAP_`.
 */
export interface VirtioCapability {
  /**
   * `'common_cfg'`, `'notify_cfg'`, `'isr_cfg'`, `'device_cfg'`, `'pci_cfg'`,
   * `'shared_memory_cfg'` or `'vendor_cfg'`. The name of another type is like `'type_0x0a'`.
   */
  readonly type: string;
  /** Offset of the capability in configuration space, in bytes. */
  readonly capability: number;
  /** The number of the BAR: 0 to 5. */
  readonly bar: number;
  /** Distinguishes several structures of one type, for example shared memory regions. */
  readonly id: number;
  /** Offset of the structure in the BAR, in bytes. */
  readonly offset: number;
  /** Size of the structure in bytes. */
  readonly length: number;
  /**
   * Bytes between the notification addresses of two queues. Null for other types than
   * `'notify_cfg'`.
   */
  readonly notifyOffMultiplier: number | null;
}

const TYPES: Readonly<Record<number, string>> = {
  1: 'common_cfg',
  2: 'notify_cfg',
  3: 'isr_cfg',
  4: 'device_cfg',
  5: 'pci_cfg',
  8: 'shared_memory_cfg',
  9: 'vendor_cfg',
};
const NOTIFY = 2;
const SHARED_MEMORY = 8;

/** Bytes of the smallest capability, with the multiplier, and with the upper halves. */
const LENGTH = 16;
const NOTIFY_LENGTH = 20;
const WIDE_LENGTH = 24;

/**
 * Whether the vendor id and the device id belong to a virtio device: Virtual I/O Device
 * Specification 1.2, section 4.1.2.
 */
export function isVirtio(config: Uint8Array): boolean {
  checkBytes(config, 'config');
  const device = u16(config, 2);
  return u16(config, 0) === 0x1af4 && device >= 0x1000 && device <= 0x107f;
}

/**
 * Decodes a vendor-specific capability of a virtio device. Returns null if the capability is too
 * short, or exceeds configuration space.
 *
 * @param config - the image of configuration space
 * @param offset - the offset of the capability, 0 to 0xfff
 * @throws RangeError if the offset is outside of its range
 */
export function decodeVirtio(config: Uint8Array, offset: number): VirtioCapability | null {
  checkBytes(config, 'config');
  checkInteger(offset, 'offset', 0, 0xfff);
  const length = u8(config, offset + 2);
  if (length < LENGTH || offset + length > config.length) return null;
  const type = u8(config, offset + 3);
  const hasMultiplier = type === NOTIFY && length >= NOTIFY_LENGTH;
  const isWide = type === SHARED_MEMORY && length >= WIDE_LENGTH;
  const upper = (at: number): number => (isWide ? u32(config, offset + at) * 2 ** 32 : 0);
  return {
    type: TYPES[type] ?? `type_0x${type.toString(16).padStart(2, '0')}`,
    capability: offset,
    bar: u8(config, offset + 4),
    id: u8(config, offset + 5),
    offset: upper(16) + u32(config, offset + 8),
    length: upper(20) + u32(config, offset + 12),
    notifyOffMultiplier: hasMultiplier ? u32(config, offset + 16) : null,
  };
}
