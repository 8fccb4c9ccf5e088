import test from 'ava';
import { readCorpus, replay } from './corpus.js';

test('scripts that once failed are answered as the kernel answered them', async (t) => {
  const corpus = readCorpus();
  t.true(corpus.length > 0);
  for (const finding of corpus) {
    const difference = await replay(finding);
    t.is(difference, null, JSON.stringify({ ...finding, difference }));
  }
});
