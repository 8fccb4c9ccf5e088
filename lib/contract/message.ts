/** A message signalled interrupt: the write that a device sends to raise a vector. */
export interface Message {
  /** 64 bits; on x86 from 0xfee0_0000 to 0xfeef_ffff. */
  readonly address: bigint;
  /** 32 bits; a message of MSI has 16. */
  readonly data: number;
}

/** The interrupt indexes that send messages. */
export type MessageIndex = 'msi' | 'msix';

export function sameMessage(a: Message, b: Message | null | undefined): boolean {
  return a.address === b?.address && a.data === b.data;
}

/** Reads a message until two readings agree: the host may write the registers meanwhile. */
export function readStable(read: () => Message): Message {
  let before = read();
  for (let tries = 0; tries < 8; tries++) {
    const now = read();
    if (sameMessage(now, before)) return now;
    before = now;
  }
  return before;
}
