const ROW = 16;

/**
 * Formats bytes as rows, in the format of `lspci -x`. Each row contains 16 bytes, for example
 * `'040: 05 00 80 00 …'`. A row is omitted if all its bytes are zero.
 */
export function dump(bytes: Uint8Array): string[] {
  const rows: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += ROW) {
    const row = bytes.subarray(offset, offset + ROW);
    if (row.every((byte) => byte === 0)) continue;
    const text = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    rows.push(`${offset.toString(16).padStart(3, '0')}: ${text}`);
  }
  return rows;
}

/**
 * Parses rows in the format of {@link dump}. Bytes that are not in any row are 0.
 *
 * @returns the bytes, or a text that describes the first invalid row
 */
export function parseDump(lines: readonly string[], size: number): Uint8Array | string {
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const line of lines) {
    const [, start, text] = /^([0-9a-f]{1,13}):((?: [0-9a-f]{2}){1,16})$/i.exec(line) ?? [];
    if (start === undefined || text === undefined) {
      return `'${line.slice(0, 80)}' is not an offset with 1 to 16 bytes, such as '000: 36 1b'`;
    }
    const offset = parseInt(start, 16);
    const row = Buffer.from(text.replaceAll(' ', ''), 'hex');
    if (offset < end) return `the row '${line}' starts before the end of the previous row`;
    end = offset + row.length;
    if (end > size) return `the row '${line}' ends past the end at ${size} bytes`;
    bytes.set(row, offset);
  }
  return bytes;
}
