import test from 'ava';
import { createSeenSignalsMemory, SeenSignals } from '../../../lib/observe/trace/seen-signals.js';

test('signals are taken in the order in which they were added', (t) => {
  const memory = createSeenSignalsMemory();
  const [watcher, program] = [new SeenSignals(memory), new SeenSignals(memory)];
  t.is(program.take(), null);
  t.is(program.size, 0);
  watcher.add(1, 2 ** 50 + 1, 3);
  watcher.add(2, 5, 2 ** 40);
  t.is(program.size, 2);
  t.deepEqual(program.take(), { watch: 1, at: 2 ** 50 + 1, total: 3 });
  t.deepEqual(program.take(), { watch: 2, at: 5, total: 2 ** 40 });
  t.is(program.take(), null);
});

test('signals that wait for room in the queue keep their order', (t) => {
  const memory = createSeenSignalsMemory();
  const [watcher, program] = [new SeenSignals(memory), new SeenSignals(memory)];
  const taken: number[] = [];
  const take = (max: number) => {
    for (let n = 0; n < max; n++) {
      const signal = program.take();
      if (signal === null) return;
      taken.push(signal.watch);
    }
  };
  const COUNT = 30_000;
  for (let n = 0; n < COUNT; n++) {
    watcher.add(n, 0, 0);
    if (n === 9000 || n === 12_000) take(2);
  }
  t.true(watcher.addWaiting() > 0);
  take(Infinity);
  t.true(taken.length < COUNT);
  while (watcher.addWaiting() > 0) take(Infinity);
  take(Infinity);
  t.is(program.size, 0);
  t.deepEqual(
    taken,
    Array.from({ length: COUNT }, (_, n) => n),
  );
});
