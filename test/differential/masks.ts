import type { Op } from './script.js';
import type { Target } from './targets.js';

const CONFIG = 7;
const ENTRY = 16;
const VECTOR_CONTROL = 12;

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
    name: 'messages',
    reason: 'Address and data in an MSI-X table are those of an interrupt of the host.',
    covers: ({ bars }, { op, region }, offset) => {
      if (op !== 'mmio_read') return false;
      const table = bars.find(({ index }) => index === region)?.table;
      if (table === undefined || offset < table[0] || offset >= table[1]) return false;
      return (offset - table[0]) % ENTRY < VECTOR_CONTROL;
    },
  },
];
