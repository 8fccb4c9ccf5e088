import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../native/helpers.js';
import type { Result, Tier } from './accesses.js';

const PROGRAM = fileURLToPath(new URL('accesses.js', import.meta.url));

/** The number of functions that the program checks. */
export const SHAPES = 2 * 4 * 24 + 4;

/** For each compiler tier, the flags that keep V8 in this tier. */
const FLAGS: Readonly<Record<Tier, readonly string[]>> = {
  interpreter: ['--no-sparkplug', '--no-maglev', '--no-turbofan'],
  baseline: ['--always-sparkplug', '--no-maglev', '--no-turbofan'],
  maglev: ['--maglev', '--no-turbofan'],
  turbofan: ['--no-maglev'],
  natural: [],
};

/** Returns the tiers of a version of Node. Builds of Node before 24 do not contain maglev. */
export function tiersOf(major: number): [Tier, readonly string[]][] {
  const tiers = Object.entries(FLAGS) as [Tier, readonly string[]][];
  return tiers.filter(([tier]) => tier !== 'maglev' || major >= 24);
}

/**
 * Runs the program in one tier.
 *
 * @param node - the command that starts Node
 * @param gate - path of the compiled access gate
 */
export function runTier(
  node: readonly [string, ...string[]],
  gate: string,
  tier: Tier,
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Result {
  const [file, ...options] = node;
  const program = ['--allow-natives-syntax', ...flags, PROGRAM, gate, temporaryFolder(), tier];
  const output = execFileSync(file, [...options, ...program], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  return JSON.parse(output) as Result;
}
