import { checkBytes } from '../checks.js';
import { isSet, u16, u32 } from './bytes.js';
import { walkCapabilities } from './capabilities.js';

export const PCI_EXT_CAP_ID_DVSEC = 0x23;

/** The DVSEC of Intel's Scalable I/O Virtualization (SIOV). */
export const SIOV = {
  vendor: 0x8086,
  id: 5,
  /** Size in bytes. */
  size: 0x18,
  /** Offset of the capabilities register in bytes. */
  capabilities: 0x14,
  /** The bit of the capabilities register for support of an interrupt message store. */
  ims: 0,
} as const;

/**
 * Whether a DVSEC is the DVSEC of Scalable I/O Virtualization.
 *
 * @param vendor - the vendor id in the DVSEC
 * @param id - the DVSEC ID
 * @param length - the length in the DVSEC, in bytes
 */
export function isSiov(vendor: number, id: number, length: number): boolean {
  return vendor === SIOV.vendor && id === SIOV.id && length >= SIOV.size;
}

/**
 * Returns whether a function advertises an interrupt message store. The answer is `'unknown'` if
 * the function has no complete SIOV DVSEC: software then cannot know from configuration space
 * whether messages in a store raise interrupts.
 *
 * @param config - the image of configuration space, 4096 bytes
 * @throws TypeError if `config` is not a Uint8Array
 * @example
 * imsAdvertised(device.config.read(0, device.config.size)); // 'yes'
 */
export function imsAdvertised(config: Uint8Array): 'yes' | 'no' | 'unknown' {
  checkBytes(config, 'config');
  for (const { id, extended, offset } of walkCapabilities(config)) {
    if (!extended || id !== PCI_EXT_CAP_ID_DVSEC || offset + SIOV.size > config.length) continue;
    const header = u32(config, offset + 4);
    if (!isSiov(header & 0xffff, u16(config, offset + 8), header >>> 20)) continue;
    return isSet(u32(config, offset + SIOV.capabilities), SIOV.ims) ? 'yes' : 'no';
  }
  return 'unknown';
}
