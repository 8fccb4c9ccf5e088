// Compares mock devices with the devices of the lab: npm run test:differential -- --help
import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import type { Via } from 'vfio';
import { keepFinding, readFindings, replayFinding } from './corpus.js';
import { Guest } from './guest.js';
import { Judge, type Verdict } from './judge.js';
import { masks } from './masks.js';
import { KERNELS, type Profile } from './mock.js';
import type { Answer, Op } from './script.js';
import { groupTargets, targets, type Target } from './targets.js';

const USAGE = `npm run test:differential -- [options]

Sends random scripts of operations (docs/run.md) to devices of the lab and to mock devices, and
compares every answer. A script with different answers is shortened and added to
test/differential/corpus.

  --kernel <path|name>  a kernel of vfio lab; repeatable; default: the lab's own
  --via group|cdev      repeatable; default: group
  --device <name>       ${targets.map(({ name }) => name).join(', ')}; repeatable; default: all
  --ops <n>             operations for each device; default 2000
  --lanes <n>           devices of a kind in a guest, run in parallel; default 3, at most 4
  --seed <n>            default: from the clock
  --transcript <file>   appends every script and the kernel's answers; does not shorten scripts
  --replay <file>       compares the mock with a transcript, without a guest`;

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true },
    via: { type: 'string', multiple: true, default: ['group'] },
    device: { type: 'string', multiple: true, default: targets.map(({ name }) => name) },
    ops: { type: 'string', default: '2000' },
    lanes: { type: 'string', default: '3' },
    seed: { type: 'string' },
    transcript: { type: 'string' },
    replay: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function printVerdict({ script, answers, difference }: Verdict): void {
  for (const [step, op] of script.entries()) {
    console.log(`  ${JSON.stringify(op)}`);
    if (step < difference.step) console.log(`      ${JSON.stringify(answers[step])}`);
    if (step !== difference.step) continue;
    console.log(`      kernel ${JSON.stringify(difference.kernel)}`);
    console.log(`      mock   ${JSON.stringify(difference.mock)}`);
    break;
  }
}

const lanes = Number(values.lanes);
const operations = Number(values.ops);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);

/** Compares all devices of one kind on one kernel and prints the results. */
async function judgeTarget(guest: Guest, target: Target, profile: Profile): Promise<boolean> {
  const { kernel } = profile;
  const heading = { device: target.name, ...profile };
  const { transcript } = values;
  const record = (script: readonly Op[], answers: readonly Answer[]): void => {
    const line = JSON.stringify({ ...heading, script, answers });
    appendFileSync(transcript ?? '', `${line}\n`);
  };
  const judge = new Judge(guest, target, profile, transcript === undefined ? null : record);
  const started = performance.now();
  const label = target.name.toUpperCase();
  const devices = Array.from({ length: lanes }, (_, i) => (i === 0 ? label : `${label}_${i + 1}`));
  await judge.run(devices, seed, operations);
  const { found, unsteady, deadly, operations: done } = judge.outcome;
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    `${target.name} on ${kernel} by ${profile.via}: ${done} operations in ${seconds} s, ` +
      `${found.length} differences, ${unsteady.length} by timing, ` +
      `${deadly.length} dead guests, seed ${seed}`,
  );
  for (const { script, lastWords } of deadly) {
    console.log([...script.map((op) => `  ${JSON.stringify(op)}`), lastWords].join('\n'));
  }
  for (const verdict of unsteady) {
    console.log(`only once, at ${JSON.stringify(verdict.script[verdict.difference.step])}:`);
    console.log(`      kernel ${JSON.stringify(verdict.difference.kernel)}`);
    console.log(`      mock   ${JSON.stringify(verdict.difference.mock)}`);
  }
  for (const verdict of transcript === undefined ? found : []) {
    printVerdict(verdict);
    const { script, answers } = verdict;
    if (KERNELS.includes(kernel)) {
      console.log(`added to ${basename(keepFinding({ ...heading, script, answers }))}`);
    }
  }
  return found.length === 0 && deadly.length === 0;
}

/**
 * Compares several devices in one guest in parallel.
 *
 * @returns whether all answers were the same
 */
async function judgeAll(
  kernelName: string | undefined,
  via: Via,
  chosen: readonly Target[],
): Promise<boolean> {
  process.env.VFIO_VIA = via;
  const names = chosen.flatMap(({ name }) => Array.from({ length: lanes }, () => name));
  const guest = new Guest(kernelName, names);
  const stop = (): void => {
    void guest.close().then(() => process.exit(1));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const profile: Profile = { kernel: await guest.version(), via };
    const same = await Promise.all(chosen.map((target) => judgeTarget(guest, target, profile)));
    return same.every(Boolean);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await guest.close();
  }
}

/**
 * Compares the answers of the mock with the recorded answers in a transcript.
 *
 * @returns whether all answers were the same
 */
async function replayTranscript(file: string): Promise<boolean> {
  let same = true;
  let done = 0;
  let different = 0;
  for (const finding of readFindings(file)) {
    done += finding.script.length;
    const difference = await replayFinding(finding);
    if (difference === null) continue;
    same = false;
    if (++different > 5) continue;
    console.log(`${finding.device} on ${finding.kernel} by ${finding.via}:`);
    printVerdict({ ...finding, difference });
  }
  console.log(`${done} operations, ${different} scripts differ`);
  return same;
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  console.log(`masked: ${masks.map(({ name }) => name).join(', ')}`);
  if (values.replay !== undefined) return replayTranscript(values.replay);
  const chosen = values.device.map((name) => {
    const target = targets.find((candidate) => candidate.name === name);
    if (target === undefined) throw new RangeError(`unknown device '${name}'`);
    return target;
  });
  let same = true;
  for (const kernel of values.kernel ?? [undefined]) {
    for (const via of values.via as Via[]) {
      for (const group of groupTargets(chosen)) {
        same = (await judgeAll(kernel, via, group)) && same;
      }
    }
  }
  return same;
}

process.exitCode = (await main()) ? 0 : 1;
