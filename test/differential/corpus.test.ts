import test from 'ava';
import { readCorpus, replayFinding, type Finding } from './corpus.js';

/** Number of scripts that run at the same time. A script waits most of the time. */
const LANES = 16;

test('the mock gives the recorded answers to every script of the corpus', async (t) => {
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
