import test from 'ava';
import { runChild, type Outcome } from './helpers.js';

/** Makes an event set with one eventfd in a child process. */
const SERVED = `
  const native = await load();
  const fired = new Uint32Array(1);
  const set = native.eventSetCreate(fired, new BigUint64Array(1));
  const fd = native.eventfdCreate();
  native.eventSetAdd(set, 0, fd, false);
  // globalThis references the event set, so garbage collection does not close the event set.
  globalThis.served = set;
  const signal = () => native.eventfdSignal(fd, 1n);
  // By default, signals after 30 s. The process ends earlier.
  const signalLater = (ms = 30_000) => setTimeout(signal, ms).unref();
`;

const ended = (output: string): Outcome => ({ code: 0, signal: null, output });

test('an event set that the event loop serves does not keep the process alive', async (t) => {
  const outcome = await runChild(`${SERVED}
    native.eventSetServe(set, () => output('woken'));
    signalLater();`);
  t.deepEqual(outcome, ended(''));
});

test('eventSetRef keeps the process alive, and after eventSetUnref the process can end', async (t) => {
  const outcome = await runChild(`${SERVED}
    native.eventSetServe(set, () => {
      output('woken');
      native.eventSetUnref(set);
      signalLater();
    });
    native.eventSetRef(set);
    signalLater(50);`);
  t.deepEqual(outcome, ended('woken\n'));
});

test('a closed event set does not keep the process alive', async (t) => {
  const outcome = await runChild(`${SERVED}
    native.eventSetServe(set, () => output('woken'));
    native.eventSetRef(set);
    signal();
    native.eventSetClose(set);`);
  t.deepEqual(outcome, ended(''));
});

test('a paused and resumed event set does not keep the process alive', async (t) => {
  const outcome = await runChild(`${SERVED}
    native.eventSetServe(set, () => output('woken'));
    native.eventSetRef(set);
    native.eventSetPause(set);
    native.eventSetServe(set, () => output('woken'));
    signalLater();`);
  t.deepEqual(outcome, ended(''));
});

test('an exception in the callback becomes uncaught, and later signals are still delivered', async (t) => {
  const outcome = await runChild(`${SERVED}
    let wakes = 0;
    process.on('uncaughtException', (error, origin) => {
      output(origin + ' ' + error.message);
      signal();
    });
    native.eventSetServe(set, () => {
      if (++wakes === 3) native.eventSetClose(set);
      throw new Error('wake ' + wakes);
    });
    native.eventSetRef(set);
    signal();`);
  const origin = 'uncaughtException wake';
  t.deepEqual(outcome, ended(`${origin} 1\n${origin} 2\n${origin} 3\n`));
});

test('an exception in the callback ends a process without an exception listener', async (t) => {
  const { code, signal, output } = await runChild(`${SERVED}
    native.eventSetServe(set, () => {
      throw new Error('an error of the callback');
    });
    native.eventSetRef(set);
    signal();`);
  t.deepEqual([code, signal], [1, null]);
  t.regex(output, /Error: an error of the callback/);
});

test('if the callback throws undefined, an uncaught exception is reported', async (t) => {
  const outcome = await runChild(`${SERVED}
    process.on('uncaughtException', (error) => output(String(error)));
    native.eventSetServe(set, () => {
      native.eventSetClose(set);
      throw undefined;
    });
    native.eventSetRef(set);
    signal();`);
  t.deepEqual(outcome, ended('undefined\n'));
});

/** Opens an event set, memory, a window and files, and starts asynchronous calls. */
const EVERYTHING = `${SERVED}
  import { openSync, writeFileSync } from 'node:fs';
  native.eventSetServe(set, () => undefined);
  native.eventSetRef(set);
  const closed = native.eventSetCreate(new Uint32Array(1), new BigUint64Array(1));
  native.eventSetServe(closed, () => undefined);
  native.eventSetClose(closed);
  const file = native.open('/proc/self/exe', false);
  globalThis.kept = [
    native.memoryAllocate(1 << 16, 0),
    native.memoryAllocate(1 << 21, -1),
    native.mapRegion(file, 0, 4096, false),
    native.memoryMapFd(file, 0, 4096, false),
    native.deviceResetAsync(file).catch(() => undefined),
    native.groupGetDeviceFdAsync(file, 'x').catch(() => undefined),
  ];
`;

test('process.exit() ends the process while resources of all kinds are open', async (t) => {
  const outcome = await runChild(`${EVERYTHING}
    signal();
    process.exit(7);`);
  t.deepEqual(outcome, { code: 7, signal: null, output: '' });
});

test('process.exit() in the callback of an event set ends the process', async (t) => {
  const outcome = await runChild(`${EVERYTHING}
    native.eventSetServe(set, () => process.exit(8));
    native.eventSetRef(set);
    signal();`);
  t.deepEqual(outcome, { code: 8, signal: null, output: '' });
});

test('the process ends by itself while resources of all kinds are open', async (t) => {
  const outcome = await runChild(`${EVERYTHING}
    native.eventSetUnref(set);`);
  t.deepEqual(outcome, ended(''));
});

test('the process ends by itself after resources of all kinds were garbage-collected', async (t) => {
  const outcome = await runChild(`${EVERYTHING}
    native.eventSetUnref(set);
    globalThis.kept = globalThis.served = null;
    for (let i = 0; i < 4; i++) {
      gc();
      await new Promise(setImmediate);
    }
    output('done');`);
  t.deepEqual(outcome, ended('done\n'));
});
