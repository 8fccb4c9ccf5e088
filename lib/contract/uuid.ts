const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * A UUID as text and as bytes. The kernel needs the text for a group, and the 16 bytes for a
 * character device.
 */
export interface Uuid {
  /** The UUID as 36 characters in lower case. */
  readonly text: string;
  /**
   * The bytes of the UUID, in the same order as in the text, because the kernel's uuid_t is big
   * endian.
   */
  readonly bytes: Uint8Array;
}

/**
 * Parses a UUID.
 *
 * @param name - the name of the argument, for the error message
 * @throws TypeError if `value` is not a UUID of 36 characters
 */
export function parseUuid(value: unknown, name: string): Uuid {
  if (typeof value !== 'string' || !UUID.test(value)) {
    throw new TypeError(`${name} must be a UUID such as '9c1b1a8e-5b5c-4a7e-8a58-2d5f7d0c9d3e'`);
  }
  const bytes = Uint8Array.from(Buffer.from(value.replaceAll('-', ''), 'hex'));
  return { text: value.toLowerCase(), bytes };
}
