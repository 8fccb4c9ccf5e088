// Runs in a child process with the access gate (native/test/gate.cc). Makes every kind of access of
// the public register API. The accesses are in small functions ("shapes") that a compiler could
// optimize. Prints each function with recorded accesses that differ from the accesses in its source
// code.
//   node --allow-natives-syntax [flags] accesses.js <gate.node> <folder> <tier>
import { ftruncateSync, openSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import type { RegisterWindow, Width } from '../../lib/contract/index.js';
import { MappedWindow } from '../../lib/backend/linux/window.js';
import { native } from '../../lib/native/binding.js';

interface Gate {
  watch(address: bigint, size: number, fd: number): void;
  unwatch(): ArrayBuffer;
}

/**
 * The compiler tier in which V8 runs a function. `natural` is the tier that V8 selects by itself.
 */
export type Tier = 'interpreter' | 'baseline' | 'maglev' | 'turbofan' | 'natural';

/** The output of the program, as one line of JSON. */
export interface Result {
  shapes: number;
  accesses: number;
  /**
   * Functions with recorded accesses that differ from the expected accesses. Each entry contains
   * the function and the recorded accesses.
   */
  deviations: string[];
  /** The recorded accesses of functions that are known to deviate. */
  controls: string[];
}

type Shape = (target: unknown, n: number) => unknown;

const [, , gatePath = '', folder = '', tier] = process.argv;
const gate = createRequire(import.meta.url)(gatePath) as Gate;

/** Size of the watched range in bytes: one page of the largest page size. */
const PAGE = 65536;
const OFFSET = 16;
const CALLS = 5;
const TURNS = 60;
/** Time limit for a tier, in ms. An emulator on a busy machine needs several seconds. */
const WARM_MS = 120_000;
/** Time in ms that V8 needs to reach its last tier. Some functions never reach the last tier. */
const NATURAL_MS = 200;

/**
 * Bits of %GetOptimizationStatus. In V8 14, each of these bit numbers is lower by one, because V8
 * 14 removed a bit below them.
 */
const BIT: Readonly<Record<Tier, number>> = {
  natural: 4,
  maglev: 5,
  turbofan: 6,
  interpreter: 7,
  baseline: 15,
};
const BITS_LESS = Number.parseInt(process.versions.v8) >= 14 ? 1 : 0;
const statusOf = compileFunction('return %GetOptimizationStatus(shape);', ['shape']) as (
  shape: Shape,
) => number;
const isIn = (shape: Shape, which: Tier) =>
  (statusOf(shape) & (1 << (BIT[which] - BITS_LESS))) !== 0;

/**
 * Function bodies and their expected accesses, with one letter for each access. R is a read of the
 * register, W is a write, and U is a read and a write. A loop makes its accesses n times.
 */
const SHAPES: readonly (readonly [body: string, accesses: string])[] = [
  ['return R;', 'r'],
  ['R;', 'r'],
  ['const a = R; const b = R; return a === b;', 'rr'],
  ['let a, b; do { a = R; b = R; } while (a !== b); return a;', 'rr'],
  ['return R & MASK;', 'r'],
  ['R; R; return R;', 'rrr'],
  ['W;', 'w'],
  ['W; W;', 'ww'],
  ['W; return R;', 'wr'],
  ['R; W; R;', 'rwr'],
  ['U;', 'rw'],
  ['for (let i = 0; i < n; i++) R;', 'r'],
  ['let s = ZERO; for (let i = 0; i < n; i++) s = R; return s;', 'r'],
  ['let s = ZERO; for (let i = 0; i < n; i++) s ^= R; return s;', 'r'],
  ['let s = ZERO; for (let i = 0; i < n; i++) { s += R; s += R; } return s;', 'rr'],
  ['for (let i = 0; i < n; i++) if (R === OTHER) return i;', 'r'],
  ['for (let i = 0; i < n && R !== OTHER; i++);', 'r'],
  ['for (let i = 0; i < n; i++) W;', 'w'],
  ['for (let i = 0; i < n; i++) { W; W; }', 'ww'],
  ['for (let i = 0; i < n; i++) { W; if (R === OTHER) return i; }', 'wr'],
  ['for (let i = 0; i < n; i++) U;', 'rw'],
];

function shapesOf(width: Width): [string, Shape, string][] {
  const suffix = width === 8 ? 'n' : '';
  const bits = 8 * width;
  const read = `target.read${bits}(${OFFSET})`;
  const terms: Readonly<Record<string, string>> = {
    R: read,
    W: `target.write${bits}(${OFFSET}, 5${suffix})`,
    U: `target.write${bits}(${OFFSET}, ${read} | 4${suffix})`,
    MASK: `0x7f${suffix}`,
    ZERO: `0${suffix}`,
    OTHER: `9${suffix}`,
  };
  return SHAPES.map(([text, accesses]) => {
    const body = text.replace(/\b[A-Z]+\b/g, (word) => terms[word] ?? word);
    return [body, compileFunction(body, ['target', 'n']) as Shape, accesses];
  });
}

/** On arm64, single accesses are load-acquires (R) and store-releases (W). */
const single = (accesses: string) => (process.arch === 'arm64' ? accesses.toUpperCase() : accesses);

interface Access {
  /** r: read, w: write, x: exchange, R: load-acquire, W: store-release, or an unknown instruction. */
  kind: string;
  width: number;
  offset: number;
}

/**
 * Runs a function while the gate watches a mapped file.
 * @returns the accesses of the function
 */
function observe(address: bigint, fd: number, run: () => void): Access[] {
  gate.watch(address, PAGE, fd);
  try {
    run();
  } finally {
    seen = gate.unwatch();
  }
  const words = new Uint32Array(seen, 0, (seen.byteLength - 16) / 4);
  return Array.from({ length: words.length / 3 }, (_, i) => {
    const [kind = 0, width = 0, offset = 0] = words.subarray(3 * i);
    const unknown = Buffer.from(seen, seen.byteLength - 16).toString('hex');
    return { kind: [unknown, 'r', 'w', 'x', 'R', 'W'][kind] ?? '', width, offset };
  });
}
let seen: ArrayBuffer;

/** Calls a function until V8 runs the function in the requested tier. */
function warm(shape: Shape, target: unknown): void {
  const start = performance.now();
  const reached = () => {
    if (tier !== 'natural') return isIn(shape, tier as Tier);
    const late = performance.now() - start > NATURAL_MS;
    return isIn(shape, 'turbofan') || (late && isIn(shape, 'natural'));
  };
  do {
    for (let i = 0; i < 200; i++) shape(target, TURNS);
    if (performance.now() - start > WARM_MS)
      throw new Error(`V8 does not reach the tier: ${String(shape)}`);
  } while (!reached());
}

const result: Result = { shapes: 0, accesses: 0, deviations: [], controls: [] };

/**
 * Runs a function. Records a deviation if the accesses of the function differ from `expected`.
 * @param expected - the accesses of one call, with one letter for each access
 */
function check(name: string, expected: string, width: number, run: () => void): void {
  const accesses = observe(address, file, () => {
    for (let i = 0; i < CALLS; i++) run();
  });
  result.shapes++;
  result.accesses += accesses.length;
  const wanted = expected.repeat(CALLS);
  const kinds = accesses.map(({ kind }) => kind).join('');
  const right = accesses.every((access) => access.width === width);
  if (kinds === wanted && right) return;
  const counts = new Map<string, number>();
  for (const access of accesses) {
    const what = `${access.kind}${access.width}@${access.offset}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const got = [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
  result.deviations.push(`${name}: ${wanted.length} of ${width} wanted, got ${got || 'none'}`);
}

const calls = native();
const path = join(folder, 'registers');
writeFileSync(path, new Uint8Array(PAGE));
const file = calls.open(path, true);
const mapping = calls.mapRegion(file, 0, PAGE, true);
const address = calls.addressOf(new Uint8Array(mapping.buffer));
const window: RegisterWindow = new MappedWindow(
  calls,
  mapping,
  { path, writable: true },
  () => undefined,
);

/** Checks every function with every access width. */
function checkAll(when: string): void {
  for (const width of [1, 2, 4, 8] as const) {
    for (const [body, shape, accesses] of shapesOf(width)) {
      window.writeBlock(OFFSET, new Uint8Array(8), 8);
      warm(shape, window);
      const turns = body.startsWith('for') || body.includes(' for ') ? TURNS : 1;
      check(`${when}: ${body}`, single(accesses).repeat(turns), width, () => shape(window, TURNS));
    }
    const one = new Uint8Array(width);
    // The window reads a block of 4 bytes by read32().
    check(`${when}: readBlock of one ${width}`, width === 4 ? single('r') : 'r', width, () => {
      window.readBlock(OFFSET, one, width);
    });
    const block = new Uint8Array(64);
    const times = block.length / width;
    check(`${when}: readBlock of ${width}`, 'r'.repeat(times), width, () => {
      window.readBlock(OFFSET, block, width);
    });
    check(`${when}: writeBlock of ${width}`, 'w'.repeat(times), width, () => {
      window.writeBlock(OFFSET, block, width);
    });
  }
}

checkAll('new');
// When a lost device responds again, the window creates new typed arrays.
truncateSync(path, 0);
window.read32(0);
truncateSync(path, PAGE);
window.read32(0);
checkAll('restored');

// A device model writes a queue entry into the memory of a guest, and the guest polls the last word.
const sharedPath = `/dev/shm/vfio-gate-${process.pid}`;
const shared = openSync(sharedPath, 'w+');
unlinkSync(sharedPath);
ftruncateSync(shared, PAGE);
const guest = calls.sharedMemoryMap(shared, PAGE);
const stores = observe(guest.address, shared, () => {
  calls.sharedMemoryWrite(guest.handle, OFFSET, new Uint8Array(32));
})
  .map(({ kind, width, offset }) => `${kind}${width}@${offset - OFFSET}`)
  .join(' ');
result.shapes++;
if (stores !== [0, 8, 16, 24].map((at) => `${single('w')}8@${at}`).join(' ')) {
  result.deviations.push(`sharedMemoryWrite: ${stores}`);
}

// The following accesses bypass the register API, so the compiler can change them. A gate that does
// not report these changes is broken.
const bare = new Uint32Array(mapping.buffer);
const view = new DataView(mapping.buffer);
const controls: [string, unknown, string][] = [
  ['target[4];', bare, 'r'],
  ['return target.getUint32(16, true);', view, 'r'],
  ['Atomics.store(target, 4, 5);', bare, single('w')],
];
const exact = result.deviations.length;
for (const [body, target, accesses] of controls) {
  const shape = compileFunction(body, ['target', 'n']) as Shape;
  warm(shape, target);
  check(body, accesses, 4, () => shape(target, TURNS));
}
result.controls = result.deviations.splice(exact);

console.log(JSON.stringify(result));
