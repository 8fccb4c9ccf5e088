/** A message signalled interrupt: the write that a device sends to raise a vector. */
export interface Message {
  /** Address of the write, 64 bits. On x86 the address is between 0xfee0_0000 and 0xfeef_ffff. */
  readonly address: bigint;
  /** Data of the write: 32 bits, or 16 bits for MSI. */
  readonly data: number;
}

/** The interrupt indexes whose vectors are messages. */
export type MessageIndex = 'msi' | 'msix';

export function sameMessage(a: Message, b: Message | null | undefined): boolean {
  return a.address === b?.address && a.data === b.data;
}

/**
 * Reads a message until two reads agree, because the host may change the registers during a read.
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
