/** The callbacks of a signal, and the listener that calls all of them. */
interface Shared {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const shared = new WeakMap<AbortSignal, Shared>();

/**
 * Calls a function when a signal is aborted. All callbacks of a signal share one listener, because
 * Node warns of a leak if a signal has more than ten listeners.
 *
 * @returns a function that removes the callback
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks, listener } = shared.get(signal) ?? share(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    signal.removeEventListener('abort', listener);
    shared.delete(signal);
  };
}

function share(signal: AbortSignal): Shared {
  const callbacks = new Set<() => void>();
  const listener = () => {
    for (const callback of callbacks) callback();
  };
  const created = { callbacks, listener };
  shared.set(signal, created);
  signal.addEventListener('abort', listener);
  return created;
}
