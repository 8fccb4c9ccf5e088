import { getEventListeners, once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import type { Vector } from '../../lib/device/vector.js';
import { catchUncaught } from '../uncaught.js';
import { fds, withVectors } from './fake.js';

test('one wake delivers an interrupt to each signalled vector, in order', (t) => {
  const { vectors, set } = withVectors(4);
  const log: unknown[] = [];
  for (const vector of vectors) {
    vector.on('interrupt', (count) => log.push([vector.index, count]));
  }
  set.fire(...fds([vectors[2], vectors[0]] as Vector[]));
  t.deepEqual(log, [
    [2, 1n],
    [0, 1n],
  ]);
});

test('a delivery reports the number of interrupts with the option `counts`, and 1n without', (t) => {
  const { msix, set, a } = withVectors(1);
  const counted = msix.request(1, { counts: true });
  t.is(set.slots.get(set.slotOf(counted.eventfd))?.counted, true);
  const log: unknown[] = [];
  for (const vector of [a, counted]) vector.on('interrupt', (count) => log.push(count));
  set.fireCounted([a.eventfd, 0n], [counted.eventfd, 5n]);
  t.deepEqual(log, [1n, 5n]);
});

test('one event set contains the vectors of all interrupt indexes', (t) => {
  const { device, connection, set, a } = withVectors(1);
  const err = device.interrupts.err.request();
  const req = device.interrupts.req.request();
  const log: string[] = [];
  a.on('interrupt', () => log.push('a'));
  err.on('interrupt', () => log.push('err'));
  req.on('interrupt', () => log.push('req'));
  set.fire(...fds([req, a, err]));
  t.deepEqual(log, ['req', 'a', 'err']);
  t.is(connection.sets.length, 1);
  t.deepEqual([...set.slots.keys()], [0, 1, 2]);
});

test('if a listener closes another vector, the closed vector delivers no interrupt in this wake', (t) => {
  const { a, b, c, set } = withVectors(3);
  const log: string[] = [];
  a.on('interrupt', () => {
    b.close();
    log.push('a');
  });
  b.on('interrupt', () => log.push('b'));
  c.on('interrupt', () => log.push('c'));
  set.fire(...fds([a, b, c]));
  t.deepEqual(log, ['a', 'c']);
});

test('a new vector does not receive the signal of a vector that was closed in the same wake', (t) => {
  const { a, b, msix, set } = withVectors(2);
  const log: string[] = [];
  let fresh: Vector | undefined;
  a.on('interrupt', () => {
    const slot = set.slotOf(b.eventfd);
    b.close();
    fresh = msix.request(7);
    t.is(set.slotOf(fresh.eventfd), slot);
    fresh.on('interrupt', () => log.push('fresh'));
  });
  b.on('interrupt', () => log.push('b'));
  set.fire(...fds([a, b]));
  t.deepEqual(log, []);
  t.truthy(fresh);
  if (fresh !== undefined) set.fire(fresh.eventfd);
  t.deepEqual(log, ['fresh']);
});

test('a listener can close its vector, disable the index or close the device', (t) => {
  for (const end of ['vector', 'index', 'device'] as const) {
    const { a, b, msix, device, set } = withVectors(2);
    let later = 0;
    a.on('interrupt', () => {
      if (end === 'vector') a.close();
      else if (end === 'index') msix.disable();
      else device.close();
    });
    b.on('interrupt', () => later++);
    t.notThrows(() => {
      set.fire(...fds([a, b]));
    });
    t.is(later, end === 'vector' ? 1 : 0, end);
    t.true(a.closed);
  }
});

test.serial(
  'if a listener throws, the other listeners still run, and the error becomes uncaught',
  async (t) => {
    const { a, b, c, set } = withVectors(3);
    const log: string[] = [];
    a.on('interrupt', () => {
      throw new Error('of a');
    });
    b.on('interrupt', () => log.push('b'));
    c.on('interrupt', () => {
      throw new Error('of c');
    });
    const uncaught = catchUncaught();
    set.fire(...fds([a, b, c]));
    t.deepEqual(log, ['b']);
    const errors = (await uncaught()) as Error[];
    t.deepEqual(
      errors.map(({ message }) => message),
      ['of a', 'of c'],
    );
    set.fire(b.eventfd);
    t.deepEqual(log, ['b', 'b']);
  },
);

test('a vector keeps the process alive only while it has a listener', (t) => {
  const { a, b, set } = withVectors(2);
  const listener = () => undefined;
  t.false(set.referenced);
  a.on('interrupt', listener);
  t.true(set.referenced);
  b.once('interrupt', listener);
  a.off('interrupt', listener);
  t.true(set.referenced);
  set.fire(b.eventfd);
  t.false(set.referenced);
  a.on('close', listener);
  t.false(set.referenced);
});

test('unref() of a vector can be called before or after a listener is added', (t) => {
  const { a, b, set, script } = withVectors(2);
  a.unref();
  a.on('interrupt', () => undefined);
  t.false(set.referenced);
  a.ref();
  t.true(set.referenced);
  b.on('interrupt', () => undefined);
  a.unref();
  t.true(set.referenced);
  b.unref();
  t.false(set.referenced);
  t.deepEqual(script.take(), ['set.ref', 'set.unref']);
});

test('closing a vector or removing its listeners lets the process end', (t) => {
  const { a, b, set } = withVectors(2);
  a.on('interrupt', () => undefined);
  a.close();
  t.false(set.referenced);
  b.on('interrupt', () => undefined);
  b.removeAllListeners();
  t.false(set.referenced);
  b.on('interrupt', () => undefined);
  t.true(set.referenced, 'a listener added after removeAllListeners() keeps the process alive');
  b.removeAllListeners('interrupt');
  t.false(set.referenced);
  b.on('interrupt', () => undefined);
  b.removeAllListeners('interrupt');
  t.false(set.referenced);
});

test('a listener added by once() of a vector or by once() of node:events receives one interrupt', async (t) => {
  const { a, set } = withVectors(1);
  const counts: bigint[] = [];
  a.once('interrupt', (count) => counts.push(count));
  const waiting = once(a, 'interrupt');
  set.fire(a.eventfd);
  set.fire(a.eventfd);
  t.deepEqual(counts, [1n]);
  t.deepEqual(await waiting, [1n]);
});

test('next() returns all interrupts that arrived without a listener as one delivery', async (t) => {
  const { a, set } = withVectors(1, { counts: true });
  set.fireCounted([a.eventfd, 2n]);
  set.fireCounted([a.eventfd, 3n]);
  t.is(await a.next(), 5n);
  const waiting = a.next();
  t.true(set.referenced);
  set.fireCounted([a.eventfd, 1n]);
  t.is(await waiting, 1n);
  t.false(set.referenced);
});

test('removeAllListeners() leaves waiting calls of next() and iterators in place', async (t) => {
  const { a, set } = withVectors(1);
  const next = a.next();
  const step = a[Symbol.asyncIterator]().next();
  a.on('interrupt', () => undefined);
  a.removeAllListeners();
  t.true(set.referenced);
  set.fire(a.eventfd);
  t.is(await next, 1n);
  t.deepEqual(await step, { done: false, value: 1n });
  const later = a.next();
  a.close();
  await t.throwsAsync(later, { code: 'ECANCELED' });
});

test('an aborted signal makes next() fail with an AbortError, whose cause is the reason', async (t) => {
  const { a, set } = withVectors(1);
  const controller = new AbortController();
  const waiting = a.next({ signal: controller.signal });
  controller.abort('enough');
  const error = await t.throwsAsync(waiting, { name: 'AbortError', code: 'ABORT_ERR' });
  t.is(error.cause, 'enough');
  await t.throwsAsync(a.next({ signal: controller.signal }), { name: 'AbortError' });
  t.false(set.referenced);
  set.fire(a.eventfd);
  t.is(await a.next({ signal: new AbortController().signal }), 1n);
  const several = new AbortController();
  const all = [1, 2, 3].map(() => a.next({ signal: several.signal }));
  several.abort();
  for (const next of all) await t.throwsAsync(next, { name: 'AbortError' });
});

test('next() fails with ETIMEDOUT after its timeout, and the vector still delivers', async (t) => {
  const { a, set } = withVectors(1);
  await t.throwsAsync(a.next({ timeout: 2 }), {
    code: 'ETIMEDOUT',
    message: /msix vector 0 has had no interrupt for 2 ms/,
  });
  t.false(set.referenced);
  t.is(a.listenerCount('interrupt') + a.listenerCount('close'), 0);
  const waiting = a.next({ timeout: 60_000 });
  set.fire(a.eventfd);
  t.is(await waiting, 1n);
  for (const timeout of [-1, 0.5, 2 ** 31]) {
    await t.throwsAsync(a.next({ timeout }), { instanceOf: RangeError });
  }
});

test('closing the vector makes a pending next() fail with ECANCELED', async (t) => {
  const { a } = withVectors(1);
  const waiting = a.next();
  a.close();
  await t.throwsAsync(waiting, { code: 'ECANCELED', message: /msix vector 0 was closed/ });
});

test('an iteration delivers the interrupts that arrive during the loop body as one delivery', async (t) => {
  const { a, set } = withVectors(1, { counts: true });
  set.fireCounted([a.eventfd, 1n]);
  const seen: bigint[] = [];
  const steps: (() => void)[] = [
    () => {
      set.fireCounted([a.eventfd, 2n]);
      set.fireCounted([a.eventfd, 3n]);
    },
    () => {
      // This interrupt arrives while the loop waits for an interrupt.
      void setImmediate().then(() => {
        set.fireCounted([a.eventfd, 4n]);
      });
    },
    () => {
      a.close();
    },
  ];
  for await (const count of a) {
    seen.push(count);
    t.true(a.closed || set.referenced);
    steps.shift()?.();
  }
  t.deepEqual(seen, [1n, 5n, 4n]);
  t.false(set.referenced);
});

test('an iteration yields the interrupts that arrived before the vector was closed', async (t) => {
  const { a, b, set } = withVectors(2);
  set.fire(a.eventfd);
  a.close();
  const seen: bigint[] = [];
  for await (const count of a) seen.push(count);
  t.deepEqual(seen, [1n]);
  const iterator = b[Symbol.asyncIterator]();
  const step = iterator.next();
  await setImmediate();
  b.close();
  t.deepEqual(await step, { done: true, value: undefined });
});

test('when the program leaves the loop, the vector no longer keeps the process alive', async (t) => {
  const { a, set } = withVectors(1);
  set.fire(a.eventfd);
  for await (const count of a) {
    t.is(count, 1n);
    break;
  }
  t.false(set.referenced);
});

test('return() and throw() of an iterator end a waiting next() at once', async (t) => {
  const { b, set } = withVectors(2);
  const iterator = b[Symbol.asyncIterator]();
  const waiting = [iterator.next(), iterator.next()];
  t.deepEqual(await iterator.return(), { done: true, value: undefined });
  for (const result of waiting) t.true((await result).done);
  t.true((await iterator.next()).done);
  const failure = new Error('left');
  const other = b[Symbol.asyncIterator]();
  const next = other.next();
  await t.throwsAsync(other.throw(failure), { is: failure });
  t.true((await next).done);
  await b[Symbol.asyncIterator]()[Symbol.asyncDispose]();
  t.false(set.referenced);
  set.fire(b.eventfd);
  t.is(await b.next(), 1n);
});

test.serial(
  'many waiting calls and iterators cause no warning and get the interrupt',
  async (t) => {
    const { device, a, b, set } = withVectors(2);
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const { signal } = new AbortController();
    const many = <T>(create: () => T) => Array.from({ length: 50 }, create);
    const waiting = many(() => a.next({ signal }));
    const steps = many(() => a[Symbol.asyncIterator]().next());
    const canceled = many(() => b.next());
    const ended = many(() => b[Symbol.asyncIterator]().next());
    set.fire(a.eventfd);
    t.deepEqual(await Promise.all(waiting), new Array(50).fill(1n));
    t.deepEqual(await Promise.all(steps), new Array(50).fill({ done: false, value: 1n }));
    t.is(getEventListeners(signal, 'abort').length, 0);
    device.close();
    for (const next of canceled) await t.throwsAsync(next, { code: 'ECANCELED' });
    for (const step of ended) t.true((await step).done);
    await setImmediate();
    process.off('warning', onWarning);
    t.deepEqual(warnings, []);
  },
);

test('interrupts that arrive before a break are kept for next()', async (t) => {
  const { a, msix, set } = withVectors(1);
  const counted = msix.request(1, { counts: true });
  set.fire(a.eventfd);
  for await (const count of a) {
    t.is(count, 1n);
    set.fire(a.eventfd);
    break;
  }
  t.is(await a.next(), 1n);
  set.fireCounted([counted.eventfd, 1n]);
  for await (const count of counted) {
    t.is(count, 1n);
    set.fireCounted([counted.eventfd, 2n]);
    break;
  }
  t.is(await counted.next(), 2n);
});

test('without the option `counts`, next() returns 1n for several pending interrupts', async (t) => {
  const { a, set } = withVectors(1);
  set.fire(a.eventfd);
  set.fire(a.eventfd);
  t.is(await a.next(), 1n);
  set.fire(a.eventfd);
  set.fire(a.eventfd);
  for await (const count of a) {
    t.is(count, 1n);
    break;
  }
});

test("a vector emits 'close' after its eventfd is closed", async (t) => {
  const { a, connection } = withVectors(1);
  const closed = once(a, 'close');
  a.close();
  await closed;
  t.true(connection.eventfds[0]?.closed);
});
