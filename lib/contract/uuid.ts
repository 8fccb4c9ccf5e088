const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A UUID in the two forms of the kernel: text for a group, 16 bytes for a character device. */
export interface Uuid {
  /** 36 characters in lower case. */
  readonly text: string;
  /** The bytes in the order of the text: the kernel's uuid_t is big endian. */
  readonly bytes: Uint8Array;
}

/**
 * Parses a UUID.
 *
 * @param name - name of the argument, for the error
 * @throws TypeError if `value` is not a UUID of 36 characters
 */
export function parseUuid(value: unknown, name: string): Uuid {
  if (typeof value !== 'string' || !UUID.test(value)) {
    throw new TypeError(`${name} must be a UUID such as '9c1b1a8e-5b5c-4a7e-8a58-2d5f7d0c9d3e'`);
  }
  const bytes = Uint8Array.from(Buffer.from(value.replaceAll('-', ''), 'hex'));
  return { text: value.toLowerCase(), bytes };
}
