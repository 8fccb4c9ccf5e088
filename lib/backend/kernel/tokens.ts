const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A VF token in the two forms the kernel takes: text for a group, 16 bytes for a cdev. */
export interface VfToken {
  readonly text: string;
  /** In the order of the text: the kernel's uuid_t is big endian. */
  readonly bytes: Uint8Array;
}

/** @throws TypeError if it is not a UUID such as `'83f6c9a2-…'` of 36 characters */
export function parseVfToken(text: unknown): VfToken {
  if (typeof text !== 'string' || !UUID.test(text)) {
    throw new TypeError("vfToken must be a UUID like '00112233-4455-6677-8899-aabbccddeeff'");
  }
  return {
    text: text.toLowerCase(),
    bytes: new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex')),
  };
}
