import type { Op } from './script.js';
import type { Target } from './targets.js';

const CONFIG = 7;
const ENTRY = 16;
const VECTOR_CONTROL = 12;
/** First byte of an Identify command, and the offset of its data pointer. */
const IDENTIFY = '06';
const PRP1 = 24;
const PAGE = 4096n;
const PM_DATA_SELECT = 5;

/** Bytes of a region that are not compared. */
export interface Mask {
  readonly name: string;
  /** The physical difference between mock and machine. */
  readonly reason: string;
  /**
   * Tells whether a byte is masked.
   *
   * @param op - the operation that reads the byte
   * @param offset - offset of the byte
   * @param before - the script before the operation
   */
  covers(target: Target, op: Op, offset: number, before: readonly Op[]): boolean;
}

/** Tells whether a script wrote a byte of a region. */
function hasWritten(before: readonly Op[], region: number, offset: number): boolean {
  return before.some((op) => {
    if (op.op !== 'write' || op.region !== region) return false;
    const start = op.offset as number;
    return offset >= start && offset < start + (op.data as string).length / 2;
  });
}

/** Tells whether a byte of a buffer is the data of an NVMe Identify command. */
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

/** Everything that may differ between a mock device and the real machine. */
export const masks: readonly Mask[] = [
  {
    name: 'firmware',
    reason:
      'The firmware of the machine chooses the addresses in the BARs and the interrupt line, ' +
      'until a script overwrites them.',
    covers: (_target, { region }, offset, before) => {
      const assigned = (offset >= 0x10 && offset < 0x28) || offset === 0x3c;
      return region === CONFIG && assigned && !hasWritten(before, CONFIG, offset);
    },
  },
  {
    name: 'byte loads',
    reason:
      'If an instruction loads one byte of a wider register, the emulated CPU of QEMU 7.2 loads ' +
      'two bytes.',
    covers: ({ name }, { op, width, offset: start }, offset) =>
      name === 'nvme' && op === 'mmio_read' && width === 1 && offset > (start as number),
  },
  {
    name: 'identify',
    reason: 'Names, sizes and limits of the NVMe controller and of its namespace differ.',
    covers: ({ name }, { op, name: buffer }, offset, before) =>
      name === 'nvme' && op === 'buffer_read' && isIdentifyData(buffer, offset, before),
  },
  {
    name: 'messages',
    reason: 'The host chooses address and data in an MSI-X table.',
    covers: ({ bars }, { op, region }, offset) => {
      if (op !== 'mmio_read') return false;
      const table = bars.find(({ index }) => index === region)?.table;
      if (table === undefined || offset < table[0] || offset >= table[1]) return false;
      return (offset - table[0]) % ENTRY < VECTOR_CONTROL;
    },
  },
  {
    name: 'registers',
    reason: 'A snapshot does not describe registers: a BAR of its mock device is memory.',
    covers: ({ name, bars }, { op, region }, offset) => {
      if (name !== 'e1000e' || op === 'buffer_read' || region === CONFIG) return false;
      const table = bars.find(({ index }) => index === region)?.table;
      return table === undefined || offset < table[0] || offset >= table[1];
    },
  },
  {
    name: 'data select',
    reason:
      'A snapshot does not say whether the Data Select field of power management is writable. ' +
      'The 82574 has it writable.',
    covers: ({ name, capabilities: { pm = 0 } }, { op, region }, offset) =>
      name === 'e1000e' && op === 'read' && region === CONFIG && offset === pm + PM_DATA_SELECT,
  },
  {
    name: 'soft reset',
    reason:
      'The 82574 of QEMU has no function level reset, so Linux resets it by its power state. QEMU ' +
      'then does not reset the device as hardware would, and masks of its MSI-X table stay.',
    covers: ({ name, bars }, { op, region }, offset, before) => {
      if (name !== 'e1000e' || op !== 'mmio_read') return false;
      const table = bars.find(({ index }) => index === region)?.table;
      if (table === undefined || offset < table[0] || offset >= table[1]) return false;
      return before.some((one) => one.op === 'reset');
    },
  },
];
