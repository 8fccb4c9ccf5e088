import { checkBoolean, checkInteger, checkOptions } from '../../checks.js';
import { PCI_EXT_CAP_ID_DVSEC, SIOV } from '../../pci/siov.js';

/** Options of {@link imsDvsec}. */
export interface ImsDvsecOptions {
  /**
   * Offset of the next extended capability in bytes: a multiple of 4 from 0x100 to 0xffc, or 0 for
   * none. Default: 0.
   */
  readonly next?: number | undefined;
  /** Whether the device supports an interrupt message store. Default: true. */
  readonly supported?: boolean | undefined;
}

/**
 * Returns the bytes of an extended capability that advertises whether a device supports an
 * interrupt message store. The capability is the DVSEC of Intel's Scalable I/O Virtualization
 * (vendor 0x8086, DVSEC ID 5).
 *
 * A VMM that does not virtualize the message store of a device sets `supported` to false. The
 * guest's driver then knows that messages in the store raise no interrupt. Without this DVSEC, the
 * guest cannot know.
 *
 * @throws TypeError and RangeError if an option is wrong
 * @example
 * config.set(imsDvsec({ next: 0x200, supported: false }), 0x100);
 */
export function imsDvsec(options: ImsDvsecOptions = {}): Uint8Array {
  checkOptions(options, ['next', 'supported']);
  const { next = 0, supported = true } = options;
  checkBoolean(supported, 'supported');
  if (next !== 0) checkInteger(next, 'next (unless 0)', 0x100, 0xffc);
  if (next % 4 !== 0) throw new RangeError(`next must be a multiple of 4, not ${next}`);
  const bytes = new Uint8Array(SIOV.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PCI_EXT_CAP_ID_DVSEC | (1 << 16) | (next << 20), true);
  view.setUint32(4, SIOV.vendor | (SIOV.size << 20), true);
  view.setUint16(8, SIOV.id, true);
  view.setUint32(SIOV.capabilities, supported ? 1 << SIOV.ims : 0, true);
  return bytes;
}
