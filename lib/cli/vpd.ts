import type { PciDevice } from '../index.js';
import type { VpdReader } from '../pci/listing/index.js';

const ADDRESS = 2;
const DATA = 4;
/**
 * The completion flag in the VPD address register. vfio-pci sets the flag after a transfer of 4
 * bytes, and leaves the flag unchanged after a failure.
 */
const DONE = 0x8000;

/**
 * Creates a reader of vital product data (VPD) that uses the registers of the VPD capability.
 * Returns null if the device has no VPD capability.
 */
export function createVpdReader({ config }: PciDevice): VpdReader | null {
  const capability = config.find('vpd');
  if (capability === undefined) return null;
  const { offset } = capability;
  const words = new Map<number, Uint8Array | null>();

  function readWord(address: number): Uint8Array | null {
    config.write16(offset + ADDRESS, address);
    return (config.read16(offset + ADDRESS) & DONE) === 0 ? null : config.read(offset + DATA, 4);
  }

  return (address, length) => {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) {
      const at = (address + index) & ~3;
      const word = words.get(at) ?? readWord(at);
      words.set(at, word);
      if (word === null) return null;
      bytes[index] = word[(address + index) & 3] ?? 0;
    }
    return bytes;
  };
}
