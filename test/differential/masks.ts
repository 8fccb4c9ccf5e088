import type { Op } from './script.js';
import type { Target } from './targets.js';

const CONFIG = 7;
const ENTRY = 16;
const VECTOR_CONTROL = 12;
/** First byte of an Identify command. The data pointer of the command is at offset PRP1. */
const IDENTIFY = 0x06;
const PRP1 = 24;
const COMMAND = 64;
const PAGE = 4096n;
const PM_DATA_SELECT = 5;
/** Byte of the Correctable Error Mask register of the 82574 that has the bit of advisory errors. */
const ADVISORY_MASK = 0x115;

/** A rule for bytes that the comparison ignores. */
export interface Mask {
  readonly name: string;
  /** Why the rule is necessary: the difference between the mock and the real machine. */
  readonly reason: string;
  /**
   * Returns whether the comparison ignores a byte.
   *
   * @param op - the operation that reads the byte
   * @param offset - offset of the byte
   * @param before - all operations of the script that come before `op`
   */
  covers(target: Target, op: Op, offset: number, before: readonly Op[]): boolean;
}

/** Returns whether one of the operations wrote a byte of a region. */
function hasWritten(before: readonly Op[], region: number, offset: number): boolean {
  return before.some((op) => {
    if (op.op !== 'write' || op.region !== region) return false;
    const start = op.offset as number;
    return offset >= start && offset < start + (op.data as string).length / 2;
  });
}

const identifyPages = new WeakMap<readonly Op[], readonly bigint[]>();

/**
 * Returns the addresses of the data of all NVMe Identify commands. A script can write a command in
 * several parts.
 */
function findIdentifyPages(before: readonly Op[]): readonly bigint[] {
  const pages: bigint[] = [];
  const buffers = new Map<unknown, Buffer>();
  const written = new Map<Buffer, Set<number>>();
  for (const { op, name, size, offset, data } of before) {
    if (op === 'buffer') buffers.set(name, Buffer.alloc(size as number));
    const buffer = buffers.get(name);
    if (op === 'buffer_write' && buffer !== undefined) {
      const bytes = Buffer.from(data as string, 'hex');
      const start = offset as number;
      bytes.copy(buffer, start);
      const commands = written.get(buffer) ?? new Set();
      const first = start - (start % COMMAND);
      for (let at = first; at < start + bytes.length; at += COMMAND) commands.add(at);
      written.set(buffer, commands);
      continue;
    }
    for (const [memory, commands] of written) {
      for (const at of commands) {
        if (memory[at] !== IDENTIFY || at + COMMAND > memory.length) continue;
        pages.push(memory.readBigUInt64LE(at + PRP1));
      }
    }
    written.clear();
  }
  return pages;
}

/** Returns whether a byte of a buffer belongs to the data of an NVMe Identify command. */
function isIdentifyData(name: unknown, offset: number, before: readonly Op[]): boolean {
  const pages = identifyPages.get(before) ?? findIdentifyPages(before);
  identifyPages.set(before, pages);
  return before.some((op) => {
    if (op.op !== 'dma_map' || op.buffer !== name) return false;
    const iova = BigInt(op.iova as number) + BigInt(offset - (op.buffer_offset as number));
    return pages.some((page) => iova >= page && iova < page + PAGE);
  });
}

/** All differences between mock devices and the real machine that the comparison ignores. */
export const masks: readonly Mask[] = [
  {
    name: 'firmware',
    reason:
      'The firmware of the machine sets the BARs and the interrupt line. A byte is compared ' +
      'after a script has written the byte.',
    covers: (_target, { region }, offset, before) => {
      const assigned = (offset >= 0x10 && offset < 0x28) || offset === 0x3c;
      return region === CONFIG && assigned && !hasWritten(before, CONFIG, offset);
    },
  },
  {
    name: 'byte loads',
    reason: 'If an instruction loads one byte of a wider register, QEMU 7.2 loads two bytes.',
    covers: ({ name }, { op, width, offset: start }, offset) =>
      name === 'nvme' && op === 'mmio_read' && width === 1 && offset > (start as number),
  },
  {
    name: 'identify',
    reason: 'The mock NVMe controller and its namespace have other names, sizes and limits.',
    covers: ({ name }, { op, name: buffer }, offset, before) =>
      name === 'nvme' && op === 'buffer_read' && isIdentifyData(buffer, offset, before),
  },
  {
    name: 'messages',
    reason: 'The host chooses the address and the data of each entry in the MSI-X table.',
    covers: ({ bars }, { op, region }, offset) => {
      if (op !== 'mmio_read') return false;
      const table = bars.find(({ index }) => index === region)?.table;
      if (table === undefined || offset < table[0] || offset >= table[1]) return false;
      return (offset - table[0]) % ENTRY < VECTOR_CONTROL;
    },
  },
  {
    name: 'registers',
    reason: 'A snapshot does not describe registers. The BARs of its mock device are memory.',
    covers: ({ name, bars }, { op, region }, offset) => {
      if (name !== 'e1000e' || op === 'buffer_read' || region === CONFIG) return false;
      const table = bars.find(({ index }) => index === region)?.table;
      return table === undefined || offset < table[0] || offset >= table[1];
    },
  },
  {
    name: 'data select',
    reason:
      'A snapshot does not record whether the Data Select field of power management is writable. ' +
      'In the 82574, the field is writable.',
    covers: ({ name, capabilities: { pm = 0 } }, { op, region }, offset) =>
      name === 'e1000e' && op === 'read' && region === CONFIG && offset === pm + PM_DATA_SELECT,
  },
  {
    name: 'advisory errors',
    reason:
      'Linux 7.3 unmasks advisory non-fatal errors in the AER capability when the host finds the ' +
      'device. The snapshot of the 82574 was made on an older kernel.',
    covers: ({ name }, { op, region }, offset) =>
      name === 'e1000e' && op === 'read' && region === CONFIG && offset === ADVISORY_MASK,
  },
  {
    name: 'soft reset',
    reason:
      'The 82574 of QEMU has no function level reset, so Linux resets the 82574 by a change of ' +
      'the power state. In this reset, QEMU keeps the masks of the MSI-X table. Real hardware ' +
      'clears the masks.',
    covers: ({ name, bars }, { op, region }, offset, before) => {
      if (name !== 'e1000e' || op !== 'mmio_read') return false;
      const table = bars.find(({ index }) => index === region)?.table;
      if (table === undefined || offset < table[0] || offset >= table[1]) return false;
      return before.some((one) => one.op === 'reset');
    },
  },
];
