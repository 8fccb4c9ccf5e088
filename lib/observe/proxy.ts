import { EventEmitter } from 'node:events';
import type { Observer, Subject } from './observer.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Makes a call and reports the call and its outcome to an observer. */
export function reportCall(
  observer: Observer,
  subject: Subject,
  method: string,
  args: readonly unknown[],
  run: () => unknown,
): unknown {
  const reportOutcome = observer({ subject, method, args });
  let value: unknown;
  try {
    value = run();
  } catch (error) {
    reportOutcome({ error });
    throw error;
  }
  if (!(value instanceof Promise)) {
    reportOutcome({ value });
    return value;
  }
  return value.then(
    (result: unknown) => {
      reportOutcome({ value: result });
      return result;
    },
    (error: unknown) => {
      reportOutcome({ error });
      throw error;
    },
  );
}

/** Replacements for properties and methods of the observed object. */
export interface Overrides {
  readonly properties?: ReadonlyMap<string | symbol, unknown>;
  /** Each replacement receives the original method and the arguments of the call. */
  readonly methods?: Readonly<Record<string, (own: Method, args: unknown[]) => unknown>>;
}

/** Wraps an object of a back end, so that an observer receives all calls on the object. */
export function observeObject<T extends object>(
  inner: T,
  subject: Subject,
  observer: Observer,
  { methods: overrides = {}, properties }: Overrides = {},
): T {
  const methods = new Map<string | symbol, unknown>();
  const wrap = (name: string | symbol, method: Method): Method => {
    const own: Method = (...args) => method.apply(inner, args);
    if (typeof name === 'symbol' || name in EventEmitter.prototype) return own;
    const override = overrides[name];
    return (...args) =>
      reportCall(observer, subject, name, args, () =>
        override === undefined ? own(...args) : override(own, args),
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
