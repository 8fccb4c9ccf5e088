import type { Message } from '../../contract/message.js';
import type { PciDevice } from '../../device/device.js';
import { VfioError } from '../../errors.js';
import { encodeHigh } from '../store/high-bits.js';
import type { WindowEntry, WindowFormat, Words } from './window-entry.js';

/** The words that the device must contain for an entry. */
export interface DeviceWords {
  readonly words: Words;
  /** Whether the device sends no message for the entry, because of `error`. */
  readonly isSilent: boolean;
  readonly error: VfioError | null;
}

/**
 * Returns the words that the device must contain for an entry.
 *
 * @param own - the words as the guest wrote the words
 */
export function deviceWords(
  device: PciDevice,
  { index, highBits }: WindowFormat,
  entry: WindowEntry,
  own: Words,
): DeviceWords {
  const unchanged = { words: own, isSilent: false, error: null };
  const { vector, isForeign, hasHigh } = entry;
  if (isForeign) return unchanged;
  const [, guestHigh, guestData] = own;
  try {
    const message = vector === null ? sharedMessage(device) : device.messages.read(index, vector);
    if (message === null) return unchanged;
    const bits = encodeHigh(message.address, highBits);
    const low = Number(message.address & 0xffff_ffffn);
    const high =
      guestHigh === undefined || !hasHigh ? guestHigh : ((guestHigh & ~highBits) | bits) >>> 0;
    const words = [low, high, vector === null ? guestData : message.data] as const;
    return { words, isSilent: false, error: null };
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    // Only the address is known yet, so the word can be an ordinary register.
    if (vector === null) return unchanged;
    const silent = (word: number | undefined) => (word === undefined ? undefined : 0);
    return { words: [silent(own[0]), silent(own[1]), silent(own[2])], isSilent: true, error };
  }
}

/**
 * Returns a message with the address of all MSI vectors, or null if no MSI vector is requested.
 */
function sharedMessage({ interrupts, messages }: PciDevice): Message | null {
  for (let vector = 0; vector < interrupts.msi.count; vector++) {
    if (interrupts.msi.vector(vector) !== undefined) return messages.read('msi', vector);
  }
  return null;
}
