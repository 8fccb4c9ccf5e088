/**
 * Builds an image of configuration space. Each element of `parts` contains an offset, and the bytes
 * at this offset. All other bytes are zero.
 */
export function image(size: number, ...parts: readonly (readonly [number, readonly number[]])[]) {
  const config = new Uint8Array(size);
  for (const [offset, bytes] of parts) config.set(bytes, offset);
  return config;
}

/**
 * Returns the bytes that set the capabilities bit in the status register, and the pointer to the
 * first capability.
 */
export function list(first: number): (readonly [number, readonly number[]])[] {
  return [
    [0x06, [0x10, 0x00]],
    [0x34, [first]],
  ];
}
