// Random calls of all public functions and methods, with arguments of wrong types. Each call must
// succeed or throw an error of the library. V8's own errors do not tell the user which argument is
// wrong.
import { setImmediate } from 'node:timers/promises';
import test, { registerCompletionHandler, type ExecutionContext } from 'ava';
import fc from '../fast-check.js';
import { fuzz } from './inputs.js';
import { createKernelWorld } from './kernel-objects.js';
import { type Api, createWorld } from './public-objects.js';
import { exportTargets, type World } from './targets.js';

// The library's own errors are created by these classes, because the library looks up the names
// TypeError and RangeError at each throw. V8's errors and Node's errors have other classes.
const own = [TypeError, RangeError].map((base) => class extends base {});
const [OwnTypeError, OwnRangeError] = own;
Object.assign(globalThis, { TypeError: OwnTypeError, RangeError: OwnRangeError });
const api: Api = await import('vfio/mock');

/** Number of calls after which the objects are created again. */
const ROUND = 250;

/** Returns a function that returns random integers from 0 to `n - 1` (mulberry32). */
function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

const VALUES: readonly (() => unknown)[] = [
  ...[undefined, null, true, false, '', 'x', 'msix', 'command', 'mock:edu'],
  ...[0, -0, 1, 2, 4, 8, -1, 0.5, 4096, 2 ** 31, 2 ** 32, 2 ** 53, NaN, Infinity, -Infinity],
  ...[0n, 1n, -1n, 4096n, 2n ** 63n, 2n ** 64n],
].map((value) => () => value);
const OBJECTS: readonly (() => unknown)[] = [
  () => ({}),
  () => [],
  () => [null],
  () => [1, 2],
  () => ['a'],
  () => [Symbol('element')],
  () => [1n],
  () => () => 0,
  () => Symbol('value'),
  () => Object.create(null) as unknown,
  () => new Map([[1, 2]]),
  () => new Uint8Array(4),
  () => new Uint32Array(2),
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(16),
  () => Promise.resolve(1),
  () => ({ fd: 0 }),
  () => ({ signal: () => undefined }),
  () => ({ length: 1, 0: 1 }),
];

type Pick = (n: number) => number;

function anyValue(pick: Pick, { objects }: World): unknown {
  const kind = pick(8);
  if (kind < 4) return VALUES[pick(VALUES.length)]?.();
  if (kind < 7) return OBJECTS[pick(OBJECTS.length)]?.();
  return objects[pick(objects.length)];
}

/** Replaces one property of a plain object, at a random depth, or adds a property. */
function damage(pick: Pick, world: World, value: unknown): unknown {
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(Object(value)) === Object.prototype;
  if (typeof value !== 'object' || value === null || !isPlain) return anyValue(pick, world);
  const keys = Object.keys(value);
  const copy: Record<string, unknown> = Array.isArray(value)
    ? ([...(value as unknown[])] as never)
    : { ...value };
  const key = keys[pick(keys.length + 1)] ?? 'misspelt';
  copy[key] = pick(3) === 0 ? damage(pick, world, copy[key]) : anyValue(pick, world);
  return copy;
}

function argumentsFor(pick: Pick, world: World, name: string): unknown[] {
  const good = world.good[name]?.();
  if (good === undefined || pick(4) === 0) {
    return Array.from({ length: pick(5) }, () => anyValue(pick, world));
  }
  const args = [...good];
  const damaged = pick(args.length);
  args[damaged] = damage(pick, world, args[damaged]);
  return pick(8) === 0 ? args.slice(0, damaged) : args;
}

/** Whether a call ends the object that is called. Such calls are rare, so that objects stay open. */
const ends = (method: string) => /^(close|free|release|disable|Symbol)/.test(method);
/** A wait without a limit would end only with an interrupt. */
const waits = (method: string) => /^(wait|spin)$/.test(method);
const isShort = (value: unknown) => typeof value === 'number' && value >= 0 && value < 2;

function describe(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return '<Function>';
  if (typeof value !== 'object' || value === null) return String(value);
  const { constructor } = value as { constructor?: { name?: unknown } };
  const name = typeof constructor?.name === 'string' ? constructor.name : 'null prototype';
  if (name !== 'Object' && name !== 'Array') return `<${name}>`;
  const parts = Object.entries(value).map(([key, part]) => `${key}: ${describe(part)}`);
  return `{ ${parts.join(', ')} }`;
}

function isOwn(error: unknown): boolean {
  const { VfioError, DmaFault, pci } = api;
  const classes = [...own, VfioError, DmaFault, pci.SettingError];
  return classes.some((one) => error instanceof one);
}

function check(call: string, error: unknown): void {
  if (isOwn(error)) return;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  throw new Error(`${call}: ${text}`, { cause: error });
}

async function callOnce(pick: Pick, world: World, failures: unknown[]): Promise<void> {
  const { targets } = world;
  const target = targets[pick(targets.length)];
  if (target === undefined) throw new Error('no targets');
  const method = target.methods[pick(target.methods.length)] ?? '';
  if (ends(method) && pick(40) > 0) return;
  const name = method === '' ? target.name : `${target.name}.${method}`;
  let result: unknown;
  let call = name;
  try {
    const args = argumentsFor(pick, world, name);
    if (waits(method) && !isShort(args[0])) args[0] = 0;
    call = `${name}(${args.map(describe).join(', ')})`;
    result = target.call(method, args);
  } catch (error) {
    check(call, error);
    return;
  }
  if (!(result instanceof Promise)) return;
  result.then(closeIt, (error: unknown) => {
    try {
      check(call, error);
    } catch (failure) {
      failures.push(failure);
    }
  });
  await Promise.resolve();
}

/** Closes a device that a call opened. */
function closeIt(result: unknown): void {
  if (typeof result === 'object' && result !== null && 'close' in result) {
    (result as { close: () => void }).close();
  }
}

/** Makes random calls. After each round, creates the objects again. */
async function callAll(t: ExecutionContext, calls: number, create: () => World): Promise<void> {
  process.removeAllListeners('warning');
  let world = create();
  let called = 0;
  const failures: unknown[] = [];
  try {
    await fuzz(t, calls, fc.integer(), async (seed) => {
      if (++called % ROUND === 0) {
        world.close();
        await setImmediate();
        world = create();
      }
      await callOnce(random(seed), world, failures);
      if (failures.length > 0) throw failures[0] as Error;
    });
  } catch (error) {
    // The report of fast-check contains the seed, but not the call.
    t.log(error instanceof Error && error.cause instanceof Error ? error.cause.message : error);
    throw error;
  } finally {
    world.close();
  }
}

// Some random calls poll a register without a limit, and would keep the process alive.
registerCompletionHandler(() => {
  process.exit();
});

test('each exported function and class without arguments throws an error of the library', (t) => {
  for (const { name, call } of [...exportTargets(api), ...exportTargets(api.pci, 'pci.')]) {
    try {
      const result = call('', []);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch (error) {
      check(`${name}()`, error);
    }
    t.pass();
  }
});

test.serial('wrong arguments: each public function throws an error of the library', async (t) => {
  await callAll(t, 1800, () => createWorld(api));
});

test.serial('wrong arguments: the kernel back end throws an error of the library', async (t) => {
  await callAll(t, 200, () => createKernelWorld(t));
});
