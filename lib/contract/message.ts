/**
 * The message of a message signalled interrupt. A device raises a vector by writing `data` to
 * `address`. The message identifies a vector only together with its device: on arm64, different
 * devices have the same messages.
 */
export interface Message {
  /**
   * The 64-bit address that the device writes to. On x86 the address is between 0xfee0_0000 and
   * 0xfeef_ffff. On arm64 the address is an IOVA of the interrupt controller.
   */
  readonly address: bigint;
  /** The data that the device writes: 16 bits for MSI, 32 bits for MSI-X. */
  readonly data: number;
}

/**
 * The message of vector 0 of a guest's MSI capability. All vectors have the same address, and vector
 * n has the data `data + n`.
 */
export interface GuestMessage extends Message {
  /** Number of vectors that the guest has enabled: 1 to 32, or 0 while MSI is disabled. */
  readonly vectors: number;
}

/** The interrupt indexes whose vectors use messages: MSI and MSI-X. */
export type MessageIndex = 'msi' | 'msix';

export function sameMessage(a: Message, b: Message | null | undefined): boolean {
  return a.address === b?.address && a.data === b.data;
}

/**
 * Reads a message repeatedly until two reads return the same message, because the host can change
 * the registers during a read.
 */
export function readStable(read: () => Message): Message {
  let before = read();
  for (let tries = 0; tries < 8; tries++) {
    const now = read();
    if (sameMessage(now, before)) return now;
    before = now;
  }
  return before;
}
