import type { Op } from './script.js';
import type { Target } from './targets.js';

const CONFIG = 7;
const ENTRY = 16;
const VECTOR_CONTROL = 12;
/** First byte of an Identify command. The data pointer of the command is at offset PRP1. */
const IDENTIFY = '06';
const PRP1 = 24;
const PAGE = 4096n;
const PM_DATA_SELECT = 5;

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

/** Returns whether a byte of a buffer belongs to the data of an NVMe Identify command. */
function isIdentifyData(name: unknown, offset: number, before: readonly Op[]): boolean {
  const pages = before
    .filter(({ op, data }) => op === 'buffer_write' && (data as string).startsWith(IDENTIFY))
    .map(({ data }) => Buffer.from(data as string, 'hex'))
    .filter(({ length }) => length >= PRP1 + 8)
    .map((entry) => entry.readBigUInt64LE(PRP1));
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
