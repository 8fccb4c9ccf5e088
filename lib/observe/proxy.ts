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

/**
 * Wraps an object of a back end, so that an observer receives all calls on the object. The wrapper
 * does not change `this`, the arguments, the results or the errors of a call.
 */
export function observeObject<T extends object>(
  inner: T,
  subject: Subject,
  observer: Observer,
  { methods: overrides = {}, properties }: Overrides = {},
): T {
  const wrappers = new Map<string | symbol, { method: Method; wrapper: Method }>();
  const wrap = (name: string | symbol, method: Method): Method => {
    const override = typeof name === 'string' ? overrides[name] : undefined;
    const isReported = typeof name === 'string' && !(name in EventEmitter.prototype);
    return function (this: unknown, ...args) {
      // Private fields exist only in the original object.
      const target = this === proxy ? inner : this;
      const run = () =>
        override === undefined || !isReported
          ? Reflect.apply(method, target, args)
          : override((...given) => Reflect.apply(method, target, given), args);
      const result = isReported ? reportCall(observer, subject, name, args, run) : run();
      return result === inner ? proxy : result;
    };
  };
  const proxy: T = new Proxy(inner, {
    get(target, name) {
      if (properties?.has(name) === true) return properties.get(name);
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || name === 'constructor') return value;
      const method = value as Method;
      const known = wrappers.get(name);
      // The program can replace a method.
      if (known?.method === method) return known.wrapper;
      const wrapper = wrap(name, method);
      wrappers.set(name, { method, wrapper });
      return wrapper;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
  return proxy;
}
