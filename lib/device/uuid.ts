const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The 16 bytes of a UUID in the order they are written. */
export function parseUuid(what: string, text: unknown): Uint8Array {
  if (typeof text !== 'string' || !UUID.test(text)) {
    throw new TypeError(`${what} must be a UUID such as '9c1b1a8e-5b5c-4a7e-8a58-2d5f7d0c9d3e'`);
  }
  return Uint8Array.from(Buffer.from(text.replaceAll('-', ''), 'hex'));
}
