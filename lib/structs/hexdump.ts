import { bytesIn, type StructMemory } from './memory.js';

const ROW = 16;

/**
 * Formats bytes as `hexdump -C` does: 16 bytes a line, with the printable ASCII characters. Equal
 * lines are shown once, followed by a line `*`. The last line is the number of bytes.
 *
 * @param memory - bytes, or an object with bytes, for example a DMA buffer or a piece of a pool
 * @example
 * console.log(hexdump(buffer.bytes.subarray(0, 64)));
 */
export function hexdump(memory: StructMemory): string {
  const bytes = bytesIn(memory);
  const lines: string[] = [];
  let previous = Buffer.alloc(0);
  for (let offset = 0; offset < bytes.length; offset += ROW) {
    const row = Buffer.from(bytes.subarray(offset, offset + ROW));
    if (!previous.equals(row)) lines.push(`${address(offset)}  ${line(row)}`);
    else if (lines.at(-1) !== '*') lines.push('*');
    previous = row;
  }
  lines.push(address(bytes.length));
  return lines.join('\n');
}

function address(offset: number): string {
  return offset.toString(16).padStart(8, '0');
}

function line(row: Buffer): string {
  const half = (start: number) =>
    Array.from(row.subarray(start, start + ROW / 2), (byte) => byte.toString(16).padStart(2, '0'))
      .join(' ')
      .padEnd(23);
  const text = row.toString('latin1').replace(/[^ -~]/g, '.');
  return `${half(0)}  ${half(ROW / 2)}  |${text}|`;
}
