import test from 'ava';
import { readCorpus, replayFinding, type Finding } from './corpus.js';

/** Number of scripts that run at the same time: most of their time is waiting. */
const LANES = 16;

test('the mock answers every script of the corpus as the kernel did', async (t) => {
  const corpus = readCorpus();
  t.true(corpus.length > 0);
  const remaining = [...corpus];
  const lane = async (): Promise<void> => {
    for (let one: Finding | undefined; (one = remaining.shift()) !== undefined;) {
      const difference = await replayFinding(one);
      const { device, kernel, script } = one;
      t.is(difference, null, JSON.stringify({ device, kernel, script, difference }));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
});
