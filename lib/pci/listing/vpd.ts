import { hex, type Lister, type VpdReader } from './row.js';

/** The number of bytes that can be addressed with 15 bits. */
const SIZE = 0x8000;
const PRODUCT_NAME = 0x82;
const READ_ONLY = 0x90;
const READ_WRITE = 0x91;
const END = 0x0f;

type Format = 'text' | 'bytes' | 'checksum' | 'free';

/**
 * The keywords that lspci knows. Most keywords are from the PCI Local Bus Specification 3.0,
 * appendix I.3.
 */
const KEYWORDS: Readonly<Record<string, readonly [name: string, format: Format]>> = {
  CC: ['CCIN', 'text'],
  CP: ['Extended capability', 'bytes'],
  EC: ['Engineering changes', 'text'],
  FC: ['Feature code', 'text'],
  FN: ['FRU', 'text'],
  MN: ['Manufacture ID', 'text'],
  NA: ['Network address', 'text'],
  PN: ['Part number', 'text'],
  RM: ['Firmware version', 'text'],
  RV: ['Reserved', 'checksum'],
  RW: ['Read-write area', 'free'],
  SN: ['Serial number', 'text'],
  YA: ['Asset tag', 'text'],
};
const INITIALS: Readonly<Record<string, string>> = {
  V: 'Vendor specific',
  Y: 'System specific',
  Z: 'Product specific',
};

/** Vital Product Data: PCI Express Base Specification, section 6.27. */
export const vitalProductData: Lister = (place) => ({
  title: 'Vital Product Data',
  lines: place.vpd === null ? [] : new Resources(place.vpd).lines(),
});

/**
 * Decodes the list of resources in the vital product data. The length field has 16 bits in a large
 * resource, and 3 bits in a small resource.
 */
class Resources {
  readonly #read: VpdReader;
  /**
   * The sum of all bytes up to and including the checksum. The sum is zero if the data are valid.
   */
  #sum = 0;

  constructor(read: VpdReader) {
    this.#read = read;
  }

  lines(): string[] {
    const lines: string[] = [];
    let address = 0;
    for (;;) {
      const found = this.#header(address);
      if (found === null) break;
      const { tag, start, length } = found;
      address = start;
      if (start + length > SIZE) break;
      if (tag === END) return [...lines, 'End'];
      const resource = this.#resource(tag, start, length);
      if (resource === null) return [...lines, unknown(tag)];
      lines.push(...resource);
      address += length;
    }
    return [...lines, address === 0 ? 'Not readable' : 'No end tag found'];
  }

  #header(address: number): { tag: number; start: number; length: number } | null {
    const tag = this.#bytes(address, 1)?.[0];
    if (tag === undefined) return null;
    if (tag < 0x80) return { tag: tag >> 3, start: address + 1, length: tag & 7 };
    const length = this.#bytes(address + 1, 2);
    if (length === null) return null;
    return { tag, start: address + 3, length: (length[0] ?? 0) + 256 * (length[1] ?? 0) };
  }

  /** @returns null if the resource is unknown. An unknown resource ends the decoding. */
  #resource(tag: number, start: number, length: number): string[] | null {
    switch (tag) {
      case PRODUCT_NAME:
        return [`Product Name: ${text(this.#bytes(start, length) ?? new Uint8Array(0))}`];
      case READ_ONLY:
        return ['Read-only fields:', ...this.#fields(start, start + length)];
      case READ_WRITE:
        return ['Read/write fields:', ...this.#fields(start, start + length)];
      default:
        return null;
    }
  }

  /**
   * Decodes the fields up to the end of the resource. Each field consists of a keyword with two
   * letters, a length, and as many bytes as the length says.
   */
  #fields(start: number, end: number): string[] {
    const lines: string[] = [];
    let address = start;
    while (address + 3 <= end) {
      const header = this.#bytes(address, 3);
      if (header === null) break;
      const length = header[2] ?? 0;
      address += 3;
      if (address + length > end) break;
      const line = this.#field(text(header.subarray(0, 2)), address, length);
      if (line === null) break;
      lines.push(line);
      address += length;
    }
    return lines;
  }

  #field(keyword: string, address: number, length: number): string | null {
    const initial = INITIALS[keyword.charAt(0)];
    const [name, format] =
      KEYWORDS[keyword] ?? (initial === undefined ? ['Unknown', 'bytes'] : [initial, 'text']);
    // The sum does not include the bytes after the checksum.
    const bytes = this.#bytes(address, format === 'checksum' ? 1 : length);
    if (bytes === null) return null;
    return `  [${keyword}] ${name}: ${this.#value(format, bytes, length)}`;
  }

  #value(format: Format, bytes: Uint8Array, length: number): string {
    switch (format) {
      case 'text':
        return text(bytes);
      case 'bytes':
        return Array.from(bytes, (byte) => hex(byte, 2)).join(' ');
      case 'checksum': {
        const verdict = this.#sum === 0 ? 'good' : 'bad';
        return `checksum ${verdict}, ${length - 1} byte(s) reserved`;
      }
      case 'free':
        return `${length} byte(s) free`;
    }
  }

  #bytes(address: number, length: number): Uint8Array | null {
    if (address + length > SIZE) return null;
    const bytes = this.#read(address, length);
    for (const byte of bytes ?? []) this.#sum = (this.#sum + byte) & 0xff;
    return bytes;
  }
}

function unknown(tag: number): string {
  const kind = tag < 0x80 ? 'small' : 'large';
  return `Unknown ${kind} resource type ${hex(tag & 0x7f, 2)}, will not decode more.`;
}

/**
 * Decodes Latin-1. Control characters are escaped. If the text ends with a zero byte, this byte is
 * dropped.
 */
function text(bytes: Uint8Array): string {
  return Array.from(bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes, (byte) => {
    if (byte === 0x5c) return '\\\\';
    const isControl = byte < 0x20 || (byte >= 0x7f && byte < 0xa0);
    return isControl ? `\\x${hex(byte, 2)}` : String.fromCharCode(byte);
  }).join('');
}
