import test from 'ava';
import type { Verdict } from './judge.js';
import type { Op } from './script.js';
import { shorten } from './shorten.js';

const A_MINUTE = 60_000;
const script = (names: string): Op[] => Array.from(names, (op) => ({ op }));

/**
 * Answers differ at every `z`. Answers also differ at an `x` if an `a` and then a `b` come earlier
 * in the script.
 */
function attempt(ops: readonly Op[]): Promise<Verdict | null> {
  const names = ops.map(({ op }) => op).join('');
  const step = names.search(/(?<=a.*b.*)x|z/);
  const answers = ops.map(() => ({ ok: true }));
  const difference = { step, kernel: { ok: true }, mock: { ok: false } };
  return Promise.resolve(step < 0 ? null : { script: ops, answers, difference });
}

async function shortened(names: string, ms = A_MINUTE): Promise<string> {
  const found = await attempt(script(names));
  if (found === null) throw new Error('no difference');
  const { script: ops, answers, difference } = await shorten(found, attempt, ms);
  if (answers.length !== ops.length || difference.step !== ops.length - 1) return 'not cut';
  return ops.map(({ op }) => op).join('');
}

test('operations that are not needed for the difference are removed', async (t) => {
  t.is(await shortened('..a....b...x....'), 'abx');
  t.is(await shortened('abx'), 'abx');
  t.is(await shortened('..........................................a.b.aabbx.x'), 'abx');
  t.is(await shortened('z'), 'z');
});

test('a shorter script with another difference is rejected', async (t) => {
  t.is(await shortened('a...b..x..z'), 'abx');
});

test('the shortest script so far is returned when the time limit has passed', async (t) => {
  t.is(await shortened('..a.b.x...', 0), '..a.b.x');
});
