// Holds the imitations against the devices of the lab: node dist/test/differential/main.js
import { parseArgs } from 'node:util';
import { keep } from './corpus.js';
import { Guest } from './guest.js';
import { Judge, type Verdict } from './judge.js';
import { masks } from './masks.js';
import { PROFILES } from './mock.js';
import { targets, type Target } from './targets.js';

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true },
    device: { type: 'string', multiple: true, default: targets.map(({ name }) => name) },
    ops: { type: 'string', default: '2000' },
    seed: { type: 'string' },
  },
});
const operations = Number(values.ops);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const via = process.env.VFIO_VIA ?? 'group';

function show({ script, answers, difference }: Verdict): void {
  for (const [step, op] of script.entries()) {
    console.log(`  ${JSON.stringify(op)}`);
    if (step < difference.step) console.log(`      ${JSON.stringify(answers[step])}`);
    if (step !== difference.step) continue;
    console.log(`      kernel ${JSON.stringify(difference.kernel)}`);
    console.log(`      mock   ${JSON.stringify(difference.mock)}`);
  }
}

/** @returns whether there was no difference */
async function judge(guest: Guest, target: Target): Promise<boolean> {
  const kernel = await guest.version();
  const started = performance.now();
  const outcome = await new Judge(guest, target).run(seed, operations);
  const { found, deadly } = outcome;
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    `${target.name} on ${kernel} by ${via}: ${outcome.operations} operations in ${seconds} s, ` +
      `${found === null ? 0 : 1} differences, ${deadly.length} dead guests, seed ${seed}`,
  );
  for (const { script, lastWords } of deadly) {
    console.log([...script.map((op) => `  ${JSON.stringify(op)}`), lastWords].join('\n'));
  }
  if (found === null) return deadly.length === 0;
  show(found);
  const { script, answers } = found;
  if (PROFILES.includes(kernel)) {
    console.log(`kept in ${keep({ device: target.name, kernel, via, script, answers })}`);
  }
  return false;
}

const chosen = values.device.map((name) => {
  const target = targets.find((candidate) => candidate.name === name);
  if (target === undefined) throw new RangeError(`no device '${name}' here`);
  return target;
});
process.env.VFIO_VIA = via;
console.log(`masked: ${masks.map(({ name }) => name).join(', ')}`);
let same = true;
for (const kernel of values.kernel ?? [undefined]) {
  const guest = new Guest(kernel, values.device);
  try {
    for (const target of chosen) same = (await judge(guest, target)) && same;
  } finally {
    await guest.close();
  }
}
process.exitCode = same ? 0 : 1;
