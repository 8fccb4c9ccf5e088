/** Builds configuration space from offsets and bytes. All other bytes are zero. */
export function image(size: number, ...parts: readonly (readonly [number, readonly number[]])[]) {
  const config = new Uint8Array(size);
  for (const [offset, bytes] of parts) config.set(bytes, offset);
  return config;
}

/** The capabilities bit of the status register, and the pointer to the first capability. */
export function list(first: number): (readonly [number, readonly number[]])[] {
  return [
    [0x06, [0x10, 0x00]],
    [0x34, [first]],
  ];
}
