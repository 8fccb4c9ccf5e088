// Random arguments, most of them wrong, with and without observers.
import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import test from 'ava';
import fc from '../fast-check.js';
import { mockBackend } from '../../lib/backend/mock/index.js';
import type { DeviceConnection, EventSet } from '../../lib/contract/index.js';
import { observeConnection, type Observer } from '../../lib/observe/index.js';
import { createRecorder } from '../../lib/observe/record/index.js';
import { createTracer } from '../../lib/observe/trace/tracer.js';
import { FULL } from '../full.js';
import { temporaryFolder } from '../native/helpers.js';

const PAGE = 4096;

/** The objects of a device on which the test calls methods. */
class Side {
  readonly connection: DeviceConnection;
  readonly objects: Readonly<Record<string, object>>;
  readonly #events: EventSet;

  constructor(name: string, observers: readonly Observer[]) {
    const inner = mockBackend.openSync(name, {});
    this.connection = observers.reduce(observeConnection, inner);
    const { connection } = this;
    const command = Uint8Array.of(6, 0);
    connection.write(7, 4, command);
    this.#events = connection.createEventSet(4);
    this.objects = {
      connection,
      window: connection.map(0, 0, PAGE),
      addressSpace: connection.addressSpace,
      eventSet: this.#events,
      eventfd: connection.createEventfd(),
      memory: connection.addressSpace.allocate(PAGE, false),
    };
  }

  /** Closes the event set too, because a call of `ref()` keeps the process alive. */
  close(): void {
    this.#events.close();
    this.connection.close();
  }
}

/** Makes a value for one side. Both sides get equal values. */
type Make = (side: Side) => unknown;

const NOT_NUMBERS: readonly Make[] = [
  () => undefined,
  () => null,
  () => true,
  () => 'x',
  () => Symbol('s'),
  () => ({}),
  () => [null, 'x'],
  () => () => 0,
  () => new Uint8Array(4),
  () => new SharedArrayBuffer(PAGE),
  () => ({
    get index(): number {
      throw new Error('a getter of the program');
    },
  }),
  () => ({ index: 2, flags: 0x24, start: 0, count: 1, eventfds: [{}] }),
  () => ({ index: 1, flags: 0x24, start: 0, count: 1 }),
  () => ({ region: 0, offset: 0, width: 9, value: 0n, eventfd: null }),
  ({ objects: { eventfd } }) => ({
    ...{ index: 1, flags: 0x24, start: 0, count: 1 },
    eventfds: [eventfd],
  }),
  ({ connection }) => connection,
  ({ connection }) => [connection],
  ({ objects }) => objects.eventfd,
  ({ objects }) => objects.memory,
  ({ objects }) => objects.window,
];
const VALUES: readonly Make[] = [
  ...NOT_NUMBERS,
  ...[0, 1, 2, 4, 7, 96, PAGE, -1, 0.5, NaN, Infinity, 2 ** 31, 2 ** 60].map((n) => () => n),
  ...[0n, 1n, 4096n, -1n, 2n ** 64n, 2n ** 70n].map((n) => () => n),
];

/** Methods that block the thread if their argument is a number. */
const BLOCKING = ['wait', 'spin'];
const METHODS = methodsOf(new Side('mock:edu#methods', []));

function methodsOf({ objects }: Side): (readonly [object: string, method: string])[] {
  return ['connection', 'window', 'addressSpace', 'eventSet'].flatMap((object) => {
    const prototype = Object.getPrototypeOf(objects[object]) as object;
    return Object.getOwnPropertyNames(prototype)
      .filter((name) => !(name in EventEmitter.prototype) && name !== 'close')
      .filter((name) => typeof Reflect.get(objects[object] ?? {}, name) === 'function')
      .map((name) => [object, name] as const);
  });
}

const calls = fc.constantFrom(...METHODS).chain(([object, method]) => {
  const values = BLOCKING.includes(method) ? NOT_NUMBERS : VALUES;
  return fc.record({
    object: fc.constant(object),
    method: fc.constant(method),
    args: fc.array(fc.constantFrom(...values), { maxLength: 5 }),
  });
});

/** Makes a call and returns a text of its result or error. */
async function call(side: Side, object: string, method: string, args: readonly Make[]) {
  const target = side.objects[object] ?? {};
  let text: string;
  try {
    const values = args.map((make) => make(side));
    const result: unknown = Reflect.apply(
      Reflect.get(target, method) as () => void,
      target,
      values,
    );
    text = withoutProxies(inspect(await result, { depth: 1 }));
  } catch (error) {
    text = describeError(error);
  }
  return text.replaceAll(side.connection.name, '<name>');
}

/** Node.js 26 marks a proxy, and an observed object is a proxy. */
function withoutProxies(text: string): string {
  const [marks] = /^(?:Proxy\()*/.exec(text) ?? [''];
  return text.slice(marks.length, text.length - marks.length / 'Proxy('.length);
}

/** Describes an error and the function that threw the error. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error);
  const [, where = ''] = /\n +at ([^\n]*)/.exec(error.stack ?? '') ?? [];
  return `${error.name} ${error.message} ${inspect(Object.entries(error))} in ${where}`;
}

test('a call gives the same result or error with and without observers', async (t) => {
  const folder = temporaryFolder();
  const trace = join(folder, 'trace');
  const tracer = createTracer(trace);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 20, maxLength: 40 }), async (steps) => {
      const record = join(folder, `record-${run++}`);
      const plain = new Side(`mock:edu#plain-${run}`, []);
      const observed = new Side(`mock:edu#seen-${run}`, [tracer, createRecorder(record)]);
      for (const { object, method, args } of steps) {
        const [expected, got] = [
          await call(plain, object, method, args),
          await call(observed, object, method, args),
        ];
        if (got !== expected) throw new Error(`${object}.${method}: ${got}, but ${expected}`);
      }
      observed.connection.getInfo();
      plain.close();
      observed.close();
      const last = readFileSync(record, 'utf8').trimEnd().split('\n').at(-1) ?? '';
      if (!last.startsWith('{"op":"info"')) throw new Error(`the recorder stopped after ${last}`);
    }),
    { numRuns: FULL ? 500 : 40 },
  );
  const [file = ''] = readdirSync(trace);
  const closed = readFileSync(join(trace, file), 'utf8').match(/^\[\d+,\d+,\d+,"close"/gm);
  t.is(closed?.length, 2 * run, 'the tracer does not stop');
});
