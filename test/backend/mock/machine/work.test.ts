import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Work } from '../../../../lib/backend/mock/machine/work.js';
import { turn } from '../support.js';

function make() {
  const work = new Work();
  const done: string[] = [];
  const defer = (name: string, ms?: number) => {
    work.defer(work, () => done.push(name), ms);
  };
  return { work, done, defer };
}

test('work without a delay runs in order on the next turn of the event loop', async (t) => {
  const { done, defer } = make();
  defer('a');
  defer('b', 0);
  t.deepEqual(done, []);
  await turn();
  t.deepEqual(done, ['a', 'b']);
});

test('delayed work runs after its delay', async (t) => {
  const { work, done, defer } = make();
  const start = work.now;
  // In this order, a delay of the test itself cannot make the late work due first.
  defer('early', 10);
  defer('late', 40);
  defer('never', 3_600_000);
  while (done.length < 2) await sleep(5);
  t.deepEqual(done, ['early', 'late']);
  t.true(work.now - start >= 40);
});

test('work does not run while the clock is stopped', async (t) => {
  const { work, done, defer } = make();
  work.stop();
  const { now } = work;
  defer('a');
  await turn();
  t.false(work.run());
  t.is(work.wait, null);
  t.is(work.now, now);
  t.deepEqual(done, []);
  work.step();
  t.deepEqual(done, ['a']);
  t.is(work.now, now);
});

test('step() runs work at its due time, even work that is deferred during the step', (t) => {
  const { work } = make();
  work.stop();
  const start = work.now;
  const times: number[] = [];
  const tick = () => {
    times.push(work.now - start);
    work.defer(work, tick, 10);
  };
  work.defer(work, tick, 10);
  work.step(35);
  t.deepEqual(times, [10, 20, 30]);
  t.is(work.now - start, 35);
  work.step(4);
  t.is(times.length, 3);
  work.step(1);
  t.is(times.length, 4);
});

test('after stop(), start() continues the clock from the same time', async (t) => {
  const { work, done, defer } = make();
  work.stop();
  defer('a', 60_000);
  const { now } = work;
  work.step(59_990);
  work.start();
  t.true(work.now - now < 60_000);
  t.deepEqual(done, []);
  while (done.length === 0) await sleep(2);
  t.true(work.now - now >= 60_000);
});

test('step() throws if the clock is running or if the given time is negative', (t) => {
  const { work } = make();
  t.throws(
    () => {
      work.step(1);
    },
    { instanceOf: TypeError, message: /stop/ },
  );
  work.stop();
  t.throws(
    () => {
      work.step(-1);
    },
    { instanceOf: RangeError },
  );
});

test('drop() removes the work of only one device', (t) => {
  const { work, done, defer } = make();
  const other = {};
  work.stop();
  work.defer(other, () => done.push('other'));
  defer('mine');
  work.drop(work);
  work.step(0);
  t.deepEqual(done, ['other']);
});

test('if a job throws, the other jobs still run', (t) => {
  const { work, done, defer } = make();
  work.stop();
  work.defer(work, () => {
    throw new Error('boom');
  });
  defer('after');
  t.throws(
    () => {
      work.step();
    },
    { message: 'boom' },
  );
  work.step();
  t.deepEqual(done, ['after']);
});
