import fc from '../../fast-check.js';
import type { Op } from '../script.js';
import type { Target } from '../targets.js';
import type { Step } from './situation.js';

const CONFIG = 7;
const COMMAND = 4;
const HEADER = 0x40;
/**
 * Number of bytes to access in each capability: the registers and the first bytes after the
 * registers.
 */
const CAPABILITY = { pm: 0x0a, msi: 0x1a, msix: 0x0e, pcie: 0x3e } as const;
const PM_CONTROL = 4;
const MSI_CONTROL = 2;
const MSIX_CONTROL = 2;
const EXPRESS_CONTROL = 8;

function hex(value: number, width: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes.subarray(0, width).toString('hex');
}

/** Returns the offsets that scripts access most often. */
function listOffsets({ capabilities, raw, configSize }: Target): number[] {
  const known = Object.entries(capabilities).flatMap(([name, start]) =>
    Array.from({ length: CAPABILITY[name as keyof typeof CAPABILITY] }, (_, i) => start + i),
  );
  return [
    ...Array.from({ length: HEADER }, (_, i) => i),
    ...known,
    ...raw.flatMap(([start, end]) => [start, start + 1, end - 4, end - 1]),
    ...[-8, -4, -1, 0, 4].map((n) => configSize + n),
  ];
}

const bytes = (length: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom('00'.repeat(length), 'ff'.repeat(length)),
    fc.uint8Array({ minLength: length, maxLength: length }).map((array) => {
      return Buffer.from(array).toString('hex');
    }),
  );

const length = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(4, 2, 1) },
  { weight: 1, arbitrary: fc.constantFrom(3, 5, 8, 16, 0) },
);

function write(offset: number, data: string): Op {
  return { op: 'write', region: CONFIG, offset, data };
}

function read(offset: number, size: number): Op {
  return { op: 'read', region: CONFIG, offset, length: size };
}

/**
 * Returns whether a write leaves no effect for the next script. The prologue of the next script
 * clears the unused parts of configuration space.
 */
function isWritable({ raw, configSize }: Target, offset: number, size: number): boolean {
  if (offset >= configSize || offset + size > configSize) return true;
  const cleared = (at: number): boolean => raw.some(([start, end]) => at >= start && at < end);
  const last = offset + size - 1;
  return last < 0x100 || (cleared(offset) && cleared(last));
}

/** Writes one of the given values to a 16-bit register, then reads the register. */
function register(offset: number, values: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return values.map((value) => () => [write(offset, hex(value, 2)), read(offset, 2)]);
}

const bits = (...choices: number[]): fc.Arbitrary<number> =>
  fc.subarray(choices).map((chosen) => chosen.reduce((sum, bit) => sum | bit, 0));

const command = register(
  COMMAND,
  fc.oneof(
    { weight: 3, arbitrary: bits(0x1, 0x4, 0x40, 0x100, 0x400).map((value) => value | 0x2) },
    { weight: 1, arbitrary: bits(0x1, 0x2, 0x4, 0x400) },
  ),
);

export function config(target: Target): fc.Arbitrary<Step> {
  const { pm, msi, msix, pcie } = target.capabilities;
  const offset = fc.constantFrom(...listOffsets(target));
  const registers = [command];
  if (pm !== undefined) {
    registers.push(
      register(pm + PM_CONTROL, fc.constantFrom(0, 0, 3, 1, 2, 0x8103, 0x108, 0xfffc)),
    );
  }
  if (msi !== undefined) {
    registers.push(
      register(msi + MSI_CONTROL, fc.oneof(bits(0x1, 0x10, 0x20, 0x40, 0x80), fc.nat(0xffff))),
    );
  }
  if (msix !== undefined) registers.push(register(msix + MSIX_CONTROL, bits(0x8000, 0x4000, 1)));
  if (pcie !== undefined) {
    registers.push(
      register(
        pcie + EXPRESS_CONTROL,
        bits(0x8000, 0xe0, 0x20, 0x7000, 0x2000, 0x800, 0x10, 0x200),
      ),
    );
  }
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(offset, length).map(([at, size]): Step => () => [read(at, size)]),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(16, 64, 256, 300).map((size): Step => () => [read(0, size)]),
    },
    {
      weight: 4,
      arbitrary: length
        .chain((size) => fc.tuple(offset, bytes(size)))
        .filter(([at, data]) => isWritable(target, at, data.length / 2))
        .map(([at, data]): Step => {
          const size = data.length / 2;
          return () => [write(at, data), read(at - (at % 4), 4 * Math.ceil((size + (at % 4)) / 4))];
        }),
    },
    { weight: 4, arbitrary: fc.oneof(...registers) },
  );
}
