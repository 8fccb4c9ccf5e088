import type { Op } from '../script.js';

const CONFIG = 7;
const COMMAND = 4;

/** Returns a value as little-endian bytes in hex. */
export function hex(value: number | bigint, width: number): string {
  const digits = BigInt.asUintN(8 * width, BigInt(value)).toString(16);
  return Buffer.from(digits.padStart(2 * width, '0'), 'hex')
    .reverse()
    .toString('hex');
}

/** Writes a register of BAR 0 through the device file. */
export function store(offset: number, value: number | bigint, width = 4): Op {
  return { op: 'write', region: 0, offset, data: hex(value, width) };
}

/** Reads a register of BAR 0 through the device file. */
export function load(offset: number, length = 4): Op {
  return { op: 'read', region: 0, offset, length };
}

export function sleep(ms: number): Op {
  return { op: 'sleep', ms };
}

/** Writes the command register. */
export function setCommand(value: number): Op {
  return { op: 'write', region: CONFIG, offset: COMMAND, data: hex(value, 2) };
}

/** Writes zeros to part of configuration space. */
export function clearConfig([start, end]: readonly [number, number]): Op {
  return { op: 'write', region: CONFIG, offset: start, data: '00'.repeat(end - start) };
}

export function map(buffer: string, iova: number, size: number, flags = 3): Op {
  return { op: 'dma_map', buffer, buffer_offset: 0, iova, size, flags };
}
