import type { Op } from './script.js';
import type { Target } from './targets.js';

const CONFIG = 7;
const ENTRY = 16;
const VECTOR_CONTROL = 12;
/** First byte of a submission queue entry, and where it says what the data goes to. */
const IDENTIFY = '06';
const PRP1 = 24;
const PAGE = 4096n;
const PM_DATA_SELECT = 5;

/** Bytes of a region that are not compared. */
export interface Mask {
  readonly name: string;
  /** What is physically different there. */
  readonly reason: string;
  /**
   * @param op - what reads the byte
   * @param before - the script up to that
   */
  covers(target: Target, op: Op, offset: number, before: readonly Op[]): boolean;
}

function wrote(before: readonly Op[], region: number, offset: number): boolean {
  return before.some((op) => {
    if (op.op !== 'write' || op.region !== region) return false;
    const start = op.offset as number;
    return offset >= start && offset < start + (op.data as string).length / 2;
  });
}

/** Whether a buffer holds there what an Identify command of an NVMe driver asked for. */
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

/** Everything that may differ between an imitation and the machine it imitates. */
export const masks: readonly Mask[] = [
  {
    name: 'firmware',
    reason:
      'Addresses in the BARs and the interrupt line are chosen by the firmware of the machine, ' +
      'until they are overwritten.',
    covers: (_target, { region }, offset, before) => {
      const assigned = (offset >= 0x10 && offset < 0x28) || offset === 0x3c;
      return region === CONFIG && assigned && !wrote(before, CONFIG, offset);
    },
  },
  {
    name: 'byte loads',
    reason:
      'A register of two bytes at least, read by an instruction that loads one: the emulated CPU ' +
      'of QEMU 7.2 gets both bytes into its register.',
    covers: ({ name }, { op, width, offset: start }, offset) =>
      name === 'nvme' && op === 'mmio_read' && width === 1 && offset > (start as number),
  },
  {
    name: 'identify',
    reason: 'What an NVMe controller and its namespace say of themselves: names, sizes, limits.',
    covers: ({ name }, { op, name: buffer }, offset, before) =>
      name === 'nvme' && op === 'buffer_read' && isIdentifyData(buffer, offset, before),
  },
  {
    name: 'messages',
    reason: 'Address and data in an MSI-X table are those of an interrupt of the host.',
    covers: ({ bars }, { op, region }, offset) => {
      if (op !== 'mmio_read') return false;
      const table = bars.find(({ index }) => index === region)?.table;
      if (table === undefined || offset < table[0] || offset >= table[1]) return false;
      return (offset - table[0]) % ENTRY < VECTOR_CONTROL;
    },
  },
  {
    name: 'registers',
    reason: 'A snapshot does not know what registers do: in its imitation a BAR is memory.',
    covers: ({ name, bars }, { op, region }, offset) => {
      if (name !== 'e1000e' || op === 'buffer_read' || region === CONFIG) return false;
      const table = bars.find(({ index }) => index === region)?.table;
      return table === undefined || offset < table[0] || offset >= table[1];
    },
  },
  {
    name: 'data select',
    reason:
      'A snapshot does not tell whether a device lets a driver select what its power management ' +
      'reports. The 82574 does.',
    covers: ({ name, capabilities: { pm = 0 } }, { op, region }, offset) =>
      name === 'e1000e' && op === 'read' && region === CONFIG && offset === pm + PM_DATA_SELECT,
  },
  {
    name: 'soft reset',
    reason:
      'The 82574 of QEMU has no function level reset: Linux resets it by its power state, and then ' +
      'QEMU resets nothing of it, as hardware would. Masks of its MSI-X table stay.',
    covers: ({ name, bars }, { op, region }, offset, before) => {
      if (name !== 'e1000e' || op !== 'mmio_read') return false;
      const table = bars.find(({ index }) => index === region)?.table;
      if (table === undefined || offset < table[0] || offset >= table[1]) return false;
      return before.some((one) => one.op === 'reset');
    },
  },
];
