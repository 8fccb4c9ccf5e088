import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { MockEventfd } from '../../../../lib/backend/mock/machine/eventfd.js';
import { MockEventSet } from '../../../../lib/backend/mock/machine/event-set.js';
import { Work } from '../../../../lib/backend/mock/machine/work.js';
import { fails, turn } from '../support.js';

const run = promisify(execFile);

function make(capacity = 4) {
  const work = new Work();
  return { work, set: new MockEventSet(capacity, work), eventfd: new MockEventfd() };
}

test('one wake reports all slots signalled in a turn of the event loop, once each and in order', async (t) => {
  const { set } = make();
  const eventfds = [0, 1, 2].map(() => new MockEventfd());
  for (const [slot, eventfd] of eventfds.entries()) set.add(slot, eventfd, slot === 2);
  const wakes: [number[], bigint[]][] = [];
  set.serve((n) => {
    wakes.push([[...set.fired.subarray(0, n)], [...set.counts.subarray(0, n)]]);
  });
  eventfds[2]?.signal(5n);
  eventfds[0]?.signal();
  eventfds[2]?.signal(2n);
  t.deepEqual(wakes, []);
  await turn();
  t.deepEqual(wakes, [
    [
      [2, 0],
      [7n, 0n],
    ],
  ]);
  t.is(eventfds[0]?.read(), 1n);
  t.is(eventfds[2]?.read(), 0n);
  set.close();
});

test('a signal during the callback is delivered on the next turn of the event loop', async (t) => {
  const { set, eventfd } = make();
  set.add(0, eventfd, false);
  let wakes = 0;
  set.serve(() => {
    if (++wakes === 1) eventfd.signal();
  });
  eventfd.signal();
  await turn();
  t.is(wakes, 1);
  await turn();
  t.is(wakes, 2);
  await turn();
  t.is(wakes, 2);
  set.close();
});

test('the event set reports an unread eventfd once for each signal', (t) => {
  const { set, eventfd } = make();
  set.add(3, eventfd, false);
  eventfd.signal();
  t.is(set.wait(0), 1);
  t.is(set.fired[0], 3);
  t.is(set.wait(0), 0);
  eventfd.signal();
  t.is(set.wait(0), 1);
});

test('add() and remove() reset the counter of the eventfd', (t) => {
  const { set, eventfd } = make();
  eventfd.signal(9n);
  set.add(0, eventfd, true);
  t.is(set.wait(0), 0);
  eventfd.signal();
  set.remove(0);
  t.is(eventfd.read(), 0n);
  t.is(set.wait(0), 0);
  t.notThrows(() => {
    set.remove(0);
  });
});

test('if the counter of an eventfd is read before the wake, the wake does not report the eventfd', (t) => {
  const { set, eventfd } = make();
  set.add(0, eventfd, true);
  eventfd.signal();
  eventfd.read();
  t.is(set.wait(0), 0);
});

test('add() fails with EEXIST if the slot or the eventfd is already in use', (t) => {
  const { set, eventfd } = make();
  set.add(0, eventfd, false);
  fails(t, 'EEXIST', () => {
    set.add(0, new MockEventfd(), false);
  });
  fails(t, 'EEXIST', () => {
    set.add(1, eventfd, false);
  });
});

test('an eventfd that the program has closed stays in the event set', (t) => {
  const { set, eventfd } = make();
  set.add(0, eventfd, true);
  eventfd.signal();
  eventfd.close();
  eventfd.raise();
  t.is(set.wait(0), 1);
  t.is(set.counts[0], 2n);
  fails(t, 'EEXIST', () => {
    set.add(0, new MockEventfd(), false);
  });
  set.remove(0);
  t.notThrows(() => {
    set.add(0, new MockEventfd(), false);
  });
});

test('the file of an eventfd closes with its last reference', (t) => {
  const { set, eventfd } = make();
  let closed = 0;
  eventfd.watch({ signalled: () => undefined, closed: () => closed++ });
  set.add(0, eventfd, false);
  eventfd.close();
  eventfd.close();
  t.is(closed, 0);
  set.remove(0);
  set.remove(0);
  t.is(closed, 1);
});

test('wait() runs the work of devices, and returns at once if there is no work', (t) => {
  const { set, eventfd, work } = make();
  set.add(0, eventfd, true);
  work.defer({}, () => {
    work.defer({}, () => {
      eventfd.signal(3n);
    });
  });
  t.is(set.wait(-1), 1);
  t.is(set.counts[0], 3n);
  t.is(set.wait(60_000), 0);
  t.is(set.spin(60_000_000), 0);
});

test('wait(-1) fails with EDEADLK if no device has pending work', (t) => {
  const { set, eventfd } = make();
  set.add(0, eventfd, true);
  fails(t, 'EDEADLK', () => set.wait(-1));
});

test('wait() and spin() throw while the event loop serves the event set', async (t) => {
  const { set, eventfd } = make();
  set.add(0, eventfd, false);
  let wakes = 0;
  set.serve(() => wakes++);
  t.throws(() => set.wait(0), { instanceOf: TypeError });
  t.throws(() => set.spin(0), { instanceOf: TypeError });
  eventfd.signal();
  set.pause();
  await turn();
  t.is(wakes, 0);
  t.is(set.wait(0), 1);
  eventfd.signal();
  set.serve(() => wakes++);
  await turn();
  t.is(wakes, 1);
  set.close();
});

test('every method throws an error for wrong arguments', (t) => {
  const { set, eventfd } = make(2);
  t.throws(
    () => {
      set.add(2, eventfd, false);
    },
    { instanceOf: RangeError },
  );
  t.throws(() => set.wait(-2), { instanceOf: RangeError });
  t.throws(() => set.spin(-1), { instanceOf: RangeError });
  t.throws(() => new MockEventSet(0, new Work()), { instanceOf: RangeError });
  t.throws(
    () => {
      set.add(0, { fd: 3 } as never, false);
    },
    { instanceOf: TypeError },
  );
});

test('after close(), every method except close() fails with EBADF', (t) => {
  const { set, eventfd } = make();
  set.add(0, eventfd, false);
  set.close();
  set.close();
  const calls = [
    () => {
      set.add(1, eventfd, false);
    },
    () => {
      set.remove(0);
    },
    () => {
      set.serve(() => undefined);
    },
    () => {
      set.pause();
    },
    () => set.wait(0),
    () => {
      set.ref();
    },
  ];
  for (const call of calls) t.throws(call, { code: 'EBADF' });
  t.notThrows(() => {
    eventfd.signal();
  });
});

const program = (body: string) => `
  const { MockEventSet } = await import(${JSON.stringify(new URL('../../../../lib/backend/mock/machine/event-set.js', import.meta.url))});
  const { MockEventfd } = await import(${JSON.stringify(new URL('../../../../lib/backend/mock/machine/eventfd.js', import.meta.url))});
  const { Work } = await import(${JSON.stringify(new URL('../../../../lib/backend/mock/machine/work.js', import.meta.url))});
  const set = new MockEventSet(1, new Work());
  const eventfd = new MockEventfd();
  set.add(0, eventfd, false);
  ${body}`;

async function node(body: string) {
  return run(process.execPath, ['--input-type=module', '-e', program(body)], { timeout: 300_000 });
}

test('a served event set keeps the process alive only after ref()', async (t) => {
  const alive = await node(`
    setTimeout(() => eventfd.signal(), 50).unref();
    set.serve(() => { console.log('fired'); set.unref(); });
    set.ref();`);
  t.is(alive.stdout, 'fired\n');
  const gone = await node(`
    setTimeout(() => eventfd.signal(), 30_000).unref();
    set.serve(() => console.log('fired'));`);
  t.is(gone.stdout, '');
});

test('an exception in the callback becomes uncaught, and later signals are still delivered', async (t) => {
  const { stdout } = await node(`
    process.on('uncaughtException', (error) => { console.log(error.message); eventfd.signal(); });
    let first = true;
    set.serve(() => { if (first) { first = false; throw new Error('boom'); } console.log('again'); });
    eventfd.signal();`);
  t.is(stdout, 'boom\nagain\n');
});
