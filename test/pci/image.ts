/** Configuration space by hand: offset and bytes, the rest zero. */
export function image(size: number, ...parts: readonly (readonly [number, readonly number[]])[]) {
  const config = new Uint8Array(size);
  for (const [offset, bytes] of parts) config.set(bytes, offset);
  return config;
}

/** The status register with its capability list bit, and the pointer to the first one. */
export function list(first: number): (readonly [number, readonly number[]])[] {
  return [
    [0x06, [0x10, 0x00]],
    [0x34, [first]],
  ];
}
