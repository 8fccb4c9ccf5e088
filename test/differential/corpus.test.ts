import test from 'ava';
import { readCorpus, replay, type Finding } from './corpus.js';

/** Scripts that are done at the same time: most of what they do is to wait. */
const LANES = 16;

test('scripts that once failed are answered as the kernel answered them', async (t) => {
  const corpus = readCorpus();
  t.true(corpus.length > 0);
  const left = [...corpus];
  const lane = async (): Promise<void> => {
    for (let one: Finding | undefined; (one = left.shift()) !== undefined;) {
      const difference = await replay(one);
      const { device, kernel, script } = one;
      t.is(difference, null, JSON.stringify({ device, kernel, script, difference }));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
});
