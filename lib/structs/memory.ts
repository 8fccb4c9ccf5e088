import { checkBytes, checkObject } from '../checks.js';

/** Memory that contains structures: bytes, or an object with bytes, for example a DMA buffer. */
export type StructMemory = Uint8Array | { readonly bytes: Uint8Array };

/** Returns the bytes of memory. @throws TypeError if `memory` is no memory */
export function bytesIn(memory: StructMemory): Uint8Array {
  checkObject(memory, 'memory');
  const bytes = memory instanceof Uint8Array ? memory : memory.bytes;
  checkBytes(bytes, 'memory');
  return bytes;
}
