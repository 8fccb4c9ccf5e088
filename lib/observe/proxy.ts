import { EventEmitter } from 'node:events';
import type { Observer, Subject } from './observer.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Makes a call, and tells of it. */
export function tell(
  observer: Observer,
  subject: Subject,
  method: string,
  args: readonly unknown[],
  run: () => unknown,
): unknown {
  const ended = observer({ subject, method, args });
  let value: unknown;
  try {
    value = run();
  } catch (error) {
    ended({ error });
    throw error;
  }
  if (!(value instanceof Promise)) {
    ended({ value });
    return value;
  }
  return value.then(
    (settled: unknown) => {
      ended({ value: settled });
      return settled;
    },
    (error: unknown) => {
      ended({ error });
      throw error;
    },
  );
}

/** What an observed object has instead of its own. */
export interface Instead {
  readonly properties?: ReadonlyMap<string | symbol, unknown>;
  /** They are given the object's own method. */
  readonly methods?: Readonly<Record<string, (own: Method, args: unknown[]) => unknown>>;
}

/** An object of the contract as it is, whose observer is told of its calls. */
export function observed<T extends object>(
  inner: T,
  subject: Subject,
  observer: Observer,
  { methods: instead = {}, properties }: Instead = {},
): T {
  const methods = new Map<string | symbol, unknown>();
  const wrap = (name: string | symbol, method: Method): Method => {
    const own: Method = (...args) => method.apply(inner, args);
    if (typeof name === 'symbol' || name in EventEmitter.prototype) return own;
    const special = instead[name];
    return (...args) =>
      tell(observer, subject, name, args, () =>
        special === undefined ? own(...args) : special(own, args),
      );
  };
  return new Proxy(inner, {
    get(target, name) {
      if (properties?.has(name) === true) return properties.get(name);
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (!methods.has(name)) methods.set(name, wrap(name, value as Method));
      return methods.get(name);
    },
  });
}
