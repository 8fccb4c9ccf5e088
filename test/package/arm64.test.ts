// Tests on an x86-64 machine that the accesses of the addon and of Node on arm64 are exact and
// ordered: by disassembly, and by the access gate in the emulator of QEMU. The emulator shows which
// instructions run, but never reorders accesses.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FULL } from '../full.js';
import { nodeOf } from '../gate/nodes.js';
import { runTier, SHAPES, tiersOf } from '../gate/tiers.js';
import { nodeApi, root } from '../native/helpers.js';
import { tarball } from './consumer.js';

const COMPILER = 'aarch64-linux-gnu-g++';
const folder = mkdtempSync(join(tmpdir(), 'vfio-arm64-'));
test.after.always(() => {
  rmSync(folder, { recursive: true });
});
execFileSync('tar', ['xzf', tarball, '-C', folder, 'package/prebuilds/linux-arm64']);
const addon = (libc: string): string =>
  join(folder, `package/prebuilds/linux-arm64/vfio.${libc}.node`);

function disassemble(file: string, ...options: string[]): string {
  const args = ['-d', '--no-show-raw-insn', ...options, file];
  return execFileSync('aarch64-linux-gnu-objdump', args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
}

/** Returns the instructions with their operands, without addresses and comments. */
const instructions = (text: string): string[] =>
  [...text.matchAll(/^ +[\da-f]+:\t([a-z]\S*)(?:\t([^/<\n]*))?/gm)].map(
    ([, name = '', operands = '']) => `${name} ${operands.trim()}`.trim(),
  );

/** Returns the barriers for devices. */
const barriersOf = (text: string): string[] =>
  [...new Set(instructions(text).filter((line) => line.startsWith('dmb osh')))].sort();

test('on arm64, the code of block accesses has single loads and stores, and barriers', (t) => {
  const object = join(folder, 'registers.o');
  const source = join(root, 'native/core/registers.cc');
  execFileSync(COMPILER, ['-std=c++17', '-O3', '-fPIC', '-c', source, '-o', object]);
  const code = instructions(disassemble(object));
  const pairs = code.filter((line) => /^(ldp|stp|ldnp|stnp|ld[1-4]|st[1-4]) /.test(line));
  t.deepEqual(pairs, []);
  t.deepEqual(
    code.filter((line) => /\]!|\], ?[#x]/.test(line)),
    [],
  );
  // A block read has a load from a register of each width, and a block write has a store.
  for (const access of [
    'ldrb w',
    'ldrh w',
    'ldr w',
    'ldr x',
    'strb w',
    'strh w',
    'str w',
    'str x',
  ]) {
    t.true(
      code.some((line) => line.startsWith(access) && /, \[x\d+\]$/.test(line)),
      access,
    );
  }
  t.deepEqual(barriersOf(disassemble(object)), ['dmb osh', 'dmb oshld']);
});

test('the prebuilt addon for arm64 contains the barriers of block accesses', (t) => {
  for (const libc of ['glibc', 'musl']) {
    t.deepEqual(barriersOf(disassemble(addon(libc))), ['dmb osh', 'dmb oshld'], libc);
  }
});

/** Returns the loads, stores and barriers of a builtin that are not plain. */
function ordered(major: number, builtin: string): string[] {
  const text = disassemble(nodeOf(major, 'arm64'), `--disassemble=Builtins_${builtin}`);
  const code = instructions(text).map((line) => line.replace(/^(\w+) ([wx]?).*/, '$1 $2').trim());
  const found = code.filter((line) => /^(ld\w*a|st\w*l|ld\w*x|st\w*x|swp|cas|dmb)/.test(line));
  return [...new Set(found)].sort();
}

for (const major of [20, 22, 24, 26]) {
  test(`Node ${major} for arm64: an Atomics.store is one stlr, and an Atomics.load one ldar`, (t) => {
    t.timeout(300_000);
    t.deepEqual(ordered(major, 'AtomicsStore'), ['stlr w', 'stlr x', 'stlrb w', 'stlrh w']);
    t.deepEqual(ordered(major, 'AtomicsLoad'), ['ldar w', 'ldar x', 'ldarb w', 'ldarh w']);
  });
}

/** Runs the access gate in the emulator. */
function runGate(t: ExecutionContext, major: number, tier: string): void {
  t.timeout(900_000);
  const gate = join(folder, 'gate.node');
  const flags = ['-std=c++17', '-O1', '-shared', '-fPIC', '-static-libstdc++', '-I', nodeApi];
  execFileSync(COMPILER, [...flags, '-o', gate, join(root, 'native/test/gate.cc')]);
  const node = [
    'qemu-aarch64-static',
    '-L',
    '/usr/aarch64-linux-gnu',
    nodeOf(major, 'arm64'),
  ] as const;
  const [name, options] = tiersOf(major).find(([one]) => one === tier) ?? ['natural', []];
  const { shapes, accesses, deviations, controls } = runTier(node, gate, name, options, {
    VFIO_ADDON: addon('glibc'),
  });
  t.log(`${shapes} shapes, ${accesses} accesses`);
  t.deepEqual(deviations, []);
  t.is(shapes, SHAPES);
  // The compilers drop a plain load, and the interpreters read a word of a DataView by bytes.
  const isCompiled = name !== 'interpreter' && name !== 'baseline';
  t.regex(controls.join(' '), isCompiled ? /target\[4\].*got none/ : /getUint32.*got 5 r1@16/);
}

for (const major of FULL ? [20, 22, 24, 26] : [20]) {
  for (const [tier] of tiersOf(major)) {
    if (!FULL && tier !== 'interpreter' && tier !== 'turbofan') continue;
    test.serial(
      `Node ${major} for arm64, ${tier}: each call makes exactly one ordered access`,
      (t) => {
        runGate(t, major, tier);
      },
    );
  }
}
