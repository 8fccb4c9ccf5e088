import type { Backend, DeviceConnection } from '../contract/index.js';
import { observeConnection } from './connection.js';
import type { Observer } from './observer.js';

/** Wraps a back end, so that observers receive every call on the connections of the back end. */
export function observeBackend(inner: Backend, observers: readonly Observer[]): Backend {
  if (observers.length === 0) return inner;
  const observe = (connection: DeviceConnection): DeviceConnection =>
    observers.reduce(observeConnection, connection);
  return {
    owns: (name) => inner.owns(name),
    canonical: (name) => inner.canonical?.(name) ?? name,
    list: () => inner.list(),
    open: async (name, options) => observe(await inner.open(name, options)),
    openSync: (name, options) => observe(inner.openSync(name, options)),
  };
}
