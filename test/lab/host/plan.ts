import type { RegisterWindow, Width } from 'vfio';

/** An access to a register of a device. */
export interface Access {
  readonly kind: 'read' | 'write';
  readonly width: Width;
  readonly offset: number;
  /** The value to write. */
  readonly value: bigint;
}

/** Registers of a device whose accesses have no side effect. */
export interface Target {
  /** Name of the environment variable with the device's address in the guest. */
  readonly variable: string;
  /** QEMU's name for the memory region. */
  readonly region: string;
  /** Smallest access width that QEMU passes to the device model. */
  readonly least: Width;
  readonly reads: readonly (readonly [width: Width, offset: number])[];
  /** The possible writes. The first entry is at most 4 bytes wide. */
  readonly writes: readonly (readonly [width: Width, offset: number])[];
}

/** Targets that together cover every access width. */
export const TARGETS: readonly Target[] = [
  {
    variable: 'VFIO_LAB_EDU',
    region: 'edu-mmio',
    least: 4,
    reads: [0x00, 0x04, 0x08, 0x20, 0x24, 0x80]
      .map((offset): [Width, number] => [4, offset])
      .concat([
        [8, 0x80],
        [8, 0x88],
        [8, 0x90],
      ]),
    writes: [
      [4, 0x04],
      [4, 0x80],
      [8, 0x80],
      [8, 0x88],
      [8, 0x90],
    ],
  },
  {
    variable: 'VFIO_LAB_NVME',
    region: 'nvme',
    least: 2,
    // The capability register and the version register are read-only.
    reads: [
      [8, 0x00],
      [4, 0x00],
      [4, 0x04],
      [4, 0x08],
      [2, 0x08],
      [2, 0x0a],
      [8, 0x28],
    ],
    writes: [
      [4, 0x04],
      [8, 0x00],
      [4, 0x08],
      [2, 0x0a],
    ],
  },
  {
    variable: 'VFIO_LAB_TESTDEV',
    region: 'pci-testdev-mmio',
    least: 1,
    reads: [
      [1, 0x800],
      [1, 0x801],
      [1, 0x803],
    ],
    writes: [
      [1, 0x800],
      [1, 0x807],
    ],
  },
];

const CALLS = 400;
/** Number of loop iterations. After this number of iterations, V8 has fully optimized the loop. */
export const TURNS = 4000;

/** Creates a list of random accesses. Equal seeds give equal lists. */
export function randomAccesses({ reads, writes }: Target, seed: number): Access[] {
  let state = seed >>> 0;
  const next = (most: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
  return Array.from({ length: CALLS }, () => {
    const kind = next(2) === 0 ? 'read' : 'write';
    const from = kind === 'read' ? reads : writes;
    const [width, offset] = from[next(from.length)] ?? [1, 0];
    const value = BigInt.asUintN(8 * width, BigInt(next(2 ** 32)) * 0x1_0000_0001n);
    return { kind, width, offset, value };
  });
}

/**
 * Creates the accesses of {@link TURNS} loop iterations. Each iteration has a read with an unused
 * result, two equal reads, and two equal writes.
 */
export function loopAccesses({ reads, writes }: Target): Access[] {
  const [readWidth, readOffset] = reads[0] ?? [1, 0];
  const [writeWidth, writeOffset] = writes[0] ?? [1, 0];
  const read: Access = { kind: 'read', width: readWidth, offset: readOffset, value: 0n };
  const write: Access = { kind: 'write', width: writeWidth, offset: writeOffset, value: 5n };
  const turn = [read, read, read, write, write];
  return Array.from({ length: TURNS }, () => turn).flat();
}

export function perform(window: RegisterWindow, { kind, width, offset, value }: Access): void {
  if (kind === 'read') {
    if (width === 1) window.read8(offset);
    else if (width === 2) window.read16(offset);
    else if (width === 4) window.read32(offset);
    else window.read64(offset);
  } else if (width === 1) window.write8(offset, Number(value));
  else if (width === 2) window.write16(offset, Number(value));
  else if (width === 4) window.write32(offset, Number(value));
  else window.write64(offset, value);
}
