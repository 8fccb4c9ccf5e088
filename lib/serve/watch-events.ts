/** The events of `watchStart()` in native code. */
export const READABLE = 1;
export const WRITABLE = 2;
