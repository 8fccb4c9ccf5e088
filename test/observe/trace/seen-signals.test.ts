import test from 'ava';
import { createSeenSignalsMemory, SeenSignals } from '../../../lib/observe/trace/seen-signals.js';

test('signals are taken in the order in which they were added', (t) => {
  const memory = createSeenSignalsMemory();
  const [watcher, program] = [new SeenSignals(memory), new SeenSignals(memory)];
  t.is(program.take(), null);
  t.true(program.isEmpty);
  t.true(watcher.add(1, 2 ** 50 + 1, 3));
  t.true(watcher.add(2, 5, 2 ** 40));
  t.false(program.isEmpty);
  t.deepEqual(program.take(), { watch: 1, at: 2 ** 50 + 1, total: 3 });
  t.deepEqual(program.take(), { watch: 2, at: 5, total: 2 ** 40 });
  t.is(program.take(), null);
});

test('a full queue refuses signals until the program takes one', (t) => {
  const signals = new SeenSignals(createSeenSignalsMemory());
  let added = 0;
  while (signals.add(added, 0, 0)) added++;
  t.is(signals.take()?.watch, 0);
  t.true(signals.add(added, 0, 0));
  t.false(signals.add(added + 1, 0, 0));
  for (let next = 1; next <= added; next++) t.is(signals.take()?.watch, next);
  t.true(signals.isEmpty);
});
