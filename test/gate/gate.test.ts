// Tests that each call of the register API makes exactly one access of the requested width, in
// every compiler tier of V8.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { compile, nodeApi, temporaryFolder } from '../native/helpers.js';
import type { Tier } from './accesses.js';
import { nodeOf } from './nodes.js';
import { runTier, SHAPES, tiersOf } from './tiers.js';

/**
 * For each compiler tier, the deviations that the gate must report for accesses that bypass the
 * API: plain, DataView and Atomics.
 */
const SEEN: Readonly<Record<Tier, RegExp>> = {
  interpreter: /getUint32.*got 5 r1@16, 5 r1@17, 5 r1@18, 5 r1@19 .*store.*got 5 x4@16/,
  baseline: /getUint32.*got 5 r1@16, 5 r1@17, 5 r1@18, 5 r1@19 .*store.*got 5 x4@16/,
  maglev: /target\[4\].*got none .*store.*got 5 x4@16/,
  turbofan: /target\[4\].*got none .*store.*got 5 x4@16/,
  natural: /target\[4\].*got none .*store.*got 5 x4@16/,
};

/** Flags that enable compiler features which V8 does not yet use by default. */
const FUTURE_FLAGS = [
  ['--turbolev'],
  ['--turbolev-future'],
  ['--maglev-licm', '--maglev-range-analysis'],
  ['--maglev-future'],
  ['--future'],
];

const current = Number.parseInt(process.versions.node);
const majors = process.env.VFIO_TEST_FULL === undefined ? [current] : [20, 22, 24, 26];
// test/package/arm64.test.ts runs the access gate of arm64 in an emulator.
const gated = process.arch === 'x64' ? test.serial : test.serial.skip;
let gate = '';

test.before(() => {
  if (process.arch !== 'x64') return;
  gate = join(temporaryFolder(), 'gate.node');
  const flags = ['-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-I', nodeApi];
  compile(gate, flags, 'test/gate.cc');
});

for (const major of majors) {
  const node = () => (major === current ? process.execPath : nodeOf(major));
  for (const [tier, flags] of tiersOf(major)) {
    gated(`Node ${major}, ${tier}: each call makes exactly one access`, (t) => {
      t.timeout(180_000);
      const { shapes, accesses, deviations, controls } = runTier([node()], gate, tier, flags);
      t.log(`${shapes} shapes, ${accesses} accesses`);
      t.deepEqual(deviations, []);
      t.is(shapes, SHAPES);
      t.regex(controls.join(' '), SEEN[tier]);
    });
  }
  if (major < 24) continue;
  for (const flags of FUTURE_FLAGS) {
    gated(`Node ${major}, ${flags.join(' ')}: each call makes exactly one access`, (t) => {
      t.timeout(180_000);
      const options = execFileSync(node(), ['--v8-options'], { encoding: 'utf8' });
      const known = flags.filter((flag) => options.includes(`${flag} (`));
      const { accesses, deviations } = runTier([node()], gate, 'natural', known);
      t.log(`${known.join(' ') || 'none of the flags'}: ${accesses} accesses`);
      t.deepEqual(deviations, []);
    });
  }
}
