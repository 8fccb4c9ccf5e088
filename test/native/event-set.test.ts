import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { native, type Handle } from '../../lib/native/binding.js';
import { collectGarbage, countFds } from './helpers.js';

const calls = native();

/** An event set with an eventfd in each slot. */
class Rig {
  readonly fired: Uint32Array;
  readonly counts: BigUint64Array;
  readonly set: Handle<'eventSet'>;
  readonly eventfds: number[];

  constructor(slots: number, counted: (slot: number) => boolean = () => false) {
    this.fired = new Uint32Array(slots);
    this.counts = new BigUint64Array(slots);
    this.set = calls.eventSetCreate(this.fired, this.counts);
    this.eventfds = Array.from({ length: slots }, () => calls.eventfdCreate());
    this.eventfds.forEach((fd, slot) => {
      calls.eventSetAdd(this.set, slot, fd, counted(slot));
    });
  }

  fd(slot: number): number {
    const fd = this.eventfds[slot];
    if (fd === undefined) throw new Error(`no slot ${slot}`);
    return fd;
  }

  signal(slot: number, count = 1n): void {
    calls.eventfdSignal(this.fd(slot), count);
  }

  /** Returns the counts of a wake in which `n` slots fired. The key of each count is the slot. */
  wake(n: number): Map<number, bigint> {
    const wake = new Map<number, bigint>();
    for (let i = 0; i < n; i++) wake.set(this.fired[i] ?? -1, this.counts[i] ?? -1n);
    return wake;
  }

  collect(): Map<number, bigint> {
    return this.wake(calls.eventSetSpin(this.set, 0));
  }

  /** Lets the event loop serve the event set. @returns the first `wakes` wakes of the event set */
  async serve(wakes: number, during?: () => void): Promise<Map<number, bigint>[]> {
    const served: Map<number, bigint>[] = [];
    await new Promise<void>((resolve) => {
      calls.eventSetServe(this.set, (n) => {
        served.push(this.wake(n));
        during?.();
        if (served.length === wakes) resolve();
      });
      calls.eventSetRef(this.set);
    });
    return served;
  }

  close(): void {
    calls.eventSetClose(this.set);
    for (const fd of this.eventfds) calls.close(fd);
  }
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

test('each of three wakes reports each of 2,048 slots once', (t) => {
  const rig = new Rig(2048);
  for (let round = 0; round < 3; round++) {
    for (const slot of range(2048)) rig.signal(slot, BigInt(round + 1));
    t.deepEqual(
      [...rig.collect().keys()].toSorted((a, b) => a - b),
      range(2048),
    );
    t.is(rig.collect().size, 0);
  }
  rig.close();
});

test('a delivery reads the eventfd of a slot only if the slot was added with counting', (t) => {
  const rig = new Rig(4, (slot) => slot % 2 === 1);
  rig.signal(0, 5n);
  rig.signal(1, 5n);
  rig.signal(1, 2n);
  t.deepEqual(
    rig.collect(),
    new Map([
      [0, 0n],
      [1, 7n],
    ]),
  );
  t.is(calls.eventfdRead(rig.fd(0)), 5n);
  t.is(calls.eventfdRead(rig.fd(1)), 0n);
  // The test reads the counter before the delivery, so no slot is delivered.
  rig.signal(3);
  calls.eventfdRead(rig.fd(3));
  t.is(rig.collect().size, 0);
  rig.close();
});

test('a signal before eventSetAdd or after eventSetRemove is not delivered', (t) => {
  const rig = new Rig(2);
  calls.eventSetRemove(rig.set, 0);
  rig.signal(0, 3n);
  calls.eventSetAdd(rig.set, 0, rig.fd(0), false);
  t.is(rig.collect().size, 0);
  rig.signal(0);
  rig.signal(1);
  calls.eventSetRemove(rig.set, 0);
  calls.eventSetRemove(rig.set, 0);
  t.is(calls.eventfdRead(rig.fd(0)), 0n);
  t.deepEqual([...rig.collect().keys()], [1]);
  rig.close();
});

test('an observed eventfd keeps its count, and its own event set delivers each signal', (t) => {
  const rig = new Rig(1, () => true);
  const fired = new Uint32Array(1);
  const observer = calls.eventSetCreate(fired, new BigUint64Array(1));
  rig.signal(0, 2n);
  calls.eventSetObserve(observer, 0, rig.fd(0));
  t.is(calls.eventSetSpin(observer, 0), 1, 'the count of 2 is reported');
  rig.signal(0);
  t.is(calls.eventSetSpin(observer, 0), 1);
  t.throws(
    () => {
      calls.eventSetObserve(observer, 0, rig.fd(0));
    },
    { code: 'EEXIST' },
  );
  calls.eventSetRemove(observer, 0);
  t.deepEqual(rig.collect(), new Map([[0, 3n]]));
  rig.signal(0);
  t.is(calls.eventSetSpin(observer, 0), 0, 'a removed eventfd is not reported');
  calls.eventSetClose(observer);
  rig.close();
});

test('eventSetAdd fails with EEXIST if the slot or the eventfd is in use', (t) => {
  const rig = new Rig(2);
  const other = calls.eventfdCreate();
  t.throws(
    () => {
      calls.eventSetAdd(rig.set, 0, other, false);
    },
    { code: 'EEXIST' },
  );
  calls.eventSetRemove(rig.set, 0);
  t.throws(
    () => {
      calls.eventSetAdd(rig.set, 0, rig.fd(1), false);
    },
    { code: 'EEXIST' },
  );
  t.throws(
    () => {
      calls.eventSetAdd(rig.set, 2, other, false);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      calls.eventSetAdd(rig.set, 0, 1 << 20, false);
    },
    { code: 'EBADF' },
  );
  calls.eventSetAdd(rig.set, 0, other, false);
  calls.close(other);
  rig.close();
});

test('if a watched eventfd is closed, its file descriptor stays open until the slot is removed', (t) => {
  const rig = new Rig(1, () => true);
  const fd = rig.fd(0);
  rig.signal(0, 4n);
  calls.close(fd);
  const next = calls.eventfdCreate();
  t.not(next, fd, 'a new file gets another file descriptor number');
  calls.eventfdSignal(next, 9n);
  t.deepEqual(rig.collect(), new Map([[0, 4n]]));
  calls.eventSetRemove(rig.set, 0);
  t.throws(
    () => {
      calls.eventfdSignal(fd, 1n);
    },
    { code: 'EBADF' },
  );
  calls.close(next);
  rig.close();
});

test('a wait ends after its time limit, or when an event arrives', (t) => {
  const rig = new Rig(1);
  const start = performance.now();
  t.is(calls.eventSetWait(rig.set, 120), 0);
  t.true(performance.now() - start >= 119);
  t.is(calls.eventSetSpin(rig.set, 1000), 0);
  t.true(performance.now() - start >= 120);
  rig.signal(0);
  t.is(calls.eventSetWait(rig.set, -1), 1);
  rig.signal(0);
  t.is(calls.eventSetSpin(rig.set, -1), 1);
  rig.close();
});

test('a wait ends when another thread signals', async (t) => {
  const rig = new Rig(3);
  const ready = new Int32Array(new SharedArrayBuffer(4));
  const source = `
    const { workerData } = require('node:worker_threads');
    const { writeSync } = require('node:fs');
    Atomics.wait(workerData.ready, 0, 0);
    // Waits longer than one slice of the wait (50 ms).
    Atomics.wait(workerData.ready, 0, 1, 130);
    writeSync(workerData.fd, new BigUint64Array([1n]));`;
  const worker = new Worker(source, { eval: true, workerData: { ready, fd: rig.fd(2) } });
  Atomics.store(ready, 0, 1);
  Atomics.notify(ready, 0);
  await once(worker, 'online');
  t.is(calls.eventSetWait(rig.set, -1), 1);
  t.is(rig.fired[0], 2);
  await once(worker, 'exit');
  rig.close();
});

test('the event loop delivers all signals of a wake in one call', async (t) => {
  const rig = new Rig(64, (slot) => slot < 2);
  rig.signal(1, 3n);
  rig.signal(63);
  const [wake] = await rig.serve(1);
  t.deepEqual(
    wake,
    new Map([
      [1, 3n],
      [63, 0n],
    ]),
  );
  calls.eventSetPause(rig.set);
  rig.signal(5);
  await setImmediate();
  // The signal during the pause is delivered when the event loop serves the event set again.
  const [later] = await rig.serve(1);
  t.deepEqual(later, new Map([[5, 0n]]));
  rig.close();
});

test('process.nextTick callbacks and microtasks of a wake run before the next wake', async (t) => {
  const rig = new Rig(1);
  const order: string[] = [];
  rig.signal(0);
  await rig.serve(2, () => {
    order.push('wake');
    process.nextTick(() => order.push('tick'));
    void Promise.resolve().then(() => order.push('microtask'));
    rig.signal(0);
  });
  t.deepEqual(order.slice(0, 4), ['wake', 'tick', 'microtask', 'wake']);
  rig.close();
});

test('a wait throws a TypeError if the event loop serves the event set', async (t) => {
  const rig = new Rig(1);
  const expected = { instanceOf: TypeError };
  rig.signal(0);
  await rig.serve(1, () => {
    t.throws(() => calls.eventSetWait(rig.set, 0), expected);
    t.throws(() => calls.eventSetSpin(rig.set, 0), expected);
  });
  t.throws(() => calls.eventSetWait(rig.set, 0), expected);
  calls.eventSetPause(rig.set);
  t.is(calls.eventSetWait(rig.set, 0), 0);
  rig.close();
});

test('if the callback removes a slot, the slot is not delivered again', async (t) => {
  const rig = new Rig(2);
  rig.signal(0);
  rig.signal(1);
  let removed = false;
  const wakes = await rig.serve(2, () => {
    if (!removed) calls.eventSetRemove(rig.set, 0);
    removed = true;
    rig.signal(0);
    rig.signal(1);
  });
  t.deepEqual(
    wakes.map((wake) => [...wake.keys()].toSorted()),
    [[0, 1], [1]],
  );
  rig.close();
});

test('the callback can close its event set', async (t) => {
  const rig = new Rig(2);
  rig.signal(0);
  let calledAgain = false;
  await rig.serve(1, () => {
    calledAgain = false;
    rig.signal(1);
    calls.eventSetClose(rig.set);
    calls.eventSetClose(rig.set);
    void setImmediate().then(() => (calledAgain = true));
  });
  await collectGarbage();
  t.true(calledAgain, 'the event loop continues');
  rig.close();
});

test('the callback can pause and resume its event set', async (t) => {
  const rig = new Rig(1);
  rig.signal(0);
  await new Promise<void>((resolve) => {
    calls.eventSetServe(rig.set, () => {
      calls.eventSetPause(rig.set);
      calls.eventSetServe(rig.set, () => {
        resolve();
      });
      calls.eventSetRef(rig.set);
      rig.signal(0);
    });
    calls.eventSetRef(rig.set);
  });
  t.pass();
  rig.close();
});

test('a call with a closed event set, or with another kind of handle, throws a TypeError', (t) => {
  const rig = new Rig(1);
  const { set } = rig;
  rig.close();
  calls.eventSetClose(set);
  const uses = [
    () => {
      calls.eventSetAdd(set, 0, 0, false);
    },
    () => {
      calls.eventSetRemove(set, 0);
    },
    () => {
      calls.eventSetServe(set, () => undefined);
    },
    () => {
      calls.eventSetPause(set);
    },
    () => calls.eventSetWait(set, 0),
    () => calls.eventSetSpin(set, 0),
    () => {
      calls.eventSetRef(set);
    },
    () => {
      calls.eventSetUnref(set);
    },
  ];
  for (const use of uses) t.throws(use, { instanceOf: TypeError });
  const memory = calls.memoryAllocate(1, 0);
  const other = memory.handle as never;
  t.throws(
    () => {
      calls.eventSetClose(other);
    },
    { instanceOf: TypeError },
  );
  t.throws(
    () => {
      calls.eventSetClose({} as never);
    },
    { instanceOf: TypeError },
  );
  calls.memoryRelease(memory.handle, memory.buffer);
});

test('a wait throws a TypeError if an output array is detached', (t) => {
  const rig = new Rig(1);
  structuredClone(rig.fired.buffer, { transfer: [rig.fired.buffer as ArrayBuffer] });
  rig.signal(0);
  t.throws(() => calls.eventSetWait(rig.set, 0), { instanceOf: TypeError });
  rig.close();
});

test.serial('garbage collection closes event sets that are no longer referenced', async (t) => {
  await collectGarbage();
  const before = countFds();
  // The function abandon() creates the event sets, so the test itself keeps no reference to an
  // event set.
  const abandon = () => {
    for (const rig of range(10).map(() => new Rig(1))) {
      calls.eventSetServe(rig.set, () => undefined);
      for (const fd of rig.eventfds) calls.close(fd);
    }
    return countFds();
  };
  t.is(abandon(), before + 20);
  await collectGarbage();
  t.is(countFds(), before);
});
