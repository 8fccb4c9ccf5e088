import { readFileSync } from 'node:fs';
import {
  MessageChannel,
  receiveMessageOnPort,
  Worker,
  type MessagePort,
} from 'node:worker_threads';

/** Maximum number of watched eventfds: twice the maximum number of MSI-X vectors. */
export const CAPACITY = 4096;
/** Timeout of a request. The first request also waits for the start of the thread. */
const REQUEST_TIMEOUT_MS = 10_000;

/** A request to the watching thread. */
export interface Request {
  readonly command: 'add' | 'remove' | 'flush';
  readonly slot: number;
  readonly fd: number;
}

/** A signal that the watching thread saw. */
export interface SeenSignal {
  readonly slot: number;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly at: number;
  /** Counter of the eventfd at the time `at`. */
  readonly total: number;
}

/** Reads the counter of an eventfd from /proc/self/fdinfo. A read(2) would reset the counter. */
export function readCounter(fd: number): number {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    return Number.parseInt(/eventfd-count:\s*([0-9a-f]+)/.exec(text)?.[1] ?? '0', 16);
  } catch {
    // The eventfd is closed.
    return 0;
  }
}

/**
 * Watches eventfds from a separate thread. The watching thread sees a signal even while the threads
 * of the program are busy, so the trace can show late deliveries. The watching thread has a
 * separate, edge-triggered epoll set and does not read the watched eventfds. Each request blocks
 * the caller until the watching thread has handled the request. No interrupt can therefore arrive
 * before the watch begins.
 */
export class EventfdWatcher {
  readonly #port: MessagePort;
  readonly #done = new Int32Array(new SharedArrayBuffer(4));
  readonly #listeners = new Map<number, (at: number, total: number) => void>();
  readonly #freeSlots = Array.from({ length: CAPACITY }, (_, slot) => CAPACITY - 1 - slot);

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    new Worker(new URL('./eventfd-watcher-worker.js', import.meta.url), {
      workerData: { port: port2, done: this.#done },
      transferList: [port2],
      execArgv: [],
    }).unref();
    port1.on('message', (seen: SeenSignal[]) => {
      this.#notify(seen);
    });
    port1.unref();
  }

  /**
   * Watches an eventfd. If the maximum number of eventfds is already watched, the eventfd stays
   * unwatched.
   * @returns a function that stops the watch and drains the eventfd
   */
  watch(fd: number, onSignal: (at: number, total: number) => void): () => void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return () => undefined;
    this.#listeners.set(slot, onSignal);
    this.#request({ command: 'add', slot, fd });
    return () => {
      this.#request({ command: 'remove', slot, fd });
      this.flush();
      this.#listeners.delete(slot);
      this.#freeSlots.push(slot);
    };
  }

  /** Calls the listeners for all signals that the thread has seen so far. */
  flush(): void {
    this.#request({ command: 'flush', slot: 0, fd: 0 });
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#notify(received.message as SeenSignal[]);
    }
  }

  #notify(seen: readonly SeenSignal[]): void {
    for (const { slot, at, total } of seen) this.#listeners.get(slot)?.(at, total);
  }

  #request(request: Request): void {
    Atomics.store(this.#done, 0, 0);
    this.#port.postMessage(request);
    if (Atomics.wait(this.#done, 0, 0, REQUEST_TIMEOUT_MS) === 'timed-out') {
      const seconds = REQUEST_TIMEOUT_MS / 1000;
      throw new Error(`the thread that watches eventfds did not respond within ${seconds} s`);
    }
  }
}
