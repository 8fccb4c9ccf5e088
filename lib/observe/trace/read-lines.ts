import { closeSync, openSync, readSync } from 'node:fs';
import type { Line } from './format.js';

const CHUNK = 1 << 18;
const LINE_BREAK = 10;

/**
 * Reads a trace file that the `Log` of a thread wrote, one line after the other. Lines that are not
 * JSON are skipped: if the program crashed, the last line can be incomplete.
 */
export function* readLines(path: string): Generator<Line> {
  const fd = openSync(path, 'r');
  try {
    let buffer = Buffer.alloc(CHUNK);
    let length = 0;
    for (;;) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      if (read === 0) return;
      length += read;
      const end = buffer.subarray(0, length).lastIndexOf(LINE_BREAK) + 1;
      for (const line of parseLines(buffer.toString('utf8', 0, end))) {
        if (line !== null) yield line;
      }
      buffer.copyWithin(0, end, length);
      length -= end;
      // One line is longer than the buffer.
      if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(length)]);
    }
  } finally {
    closeSync(fd);
  }
}

/** Parses lines together, which takes half of the time of single lines. */
function parseLines(text: string): readonly (Line | null)[] {
  try {
    return JSON.parse(`[${text.trimEnd().replaceAll('\n', ',')}]`) as Line[];
  } catch {
    return text.split('\n').map(parseLine);
  }
}

function parseLine(text: string): Line | null {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}
