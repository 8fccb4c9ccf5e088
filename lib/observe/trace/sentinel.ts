import { readFileSync } from 'node:fs';
import {
  MessageChannel,
  receiveMessageOnPort,
  Worker,
  type MessagePort,
} from 'node:worker_threads';

/** Eventfds that can be watched at once: twice as many as MSI-X has vectors. */
export const CAPACITY = 4096;
const STARTED_WITHIN_MS = 10_000;

/** What the sentinel is asked for. */
export interface Request {
  readonly what: 'add' | 'remove' | 'flush';
  readonly slot: number;
  readonly fd: number;
}

/** What it saw. */
export interface Seen {
  readonly slot: number;
  readonly at: number;
  readonly total: number;
}

/** The counter of an eventfd, which reading it would take: proc(5), /proc/pid/fdinfo. */
export function counterOf(fd: number): number {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    return Number.parseInt(/eventfd-count:\s*([0-9a-f]+)/.exec(text)?.[1] ?? '0', 16);
  } catch {
    // It is closed.
    return 0;
  }
}

/**
 * A thread that sees eventfds being signalled while the program's own threads are busy: that is
 * what makes late deliveries visible. It watches them in an epoll set of its own, edge triggered,
 * and never reads them. Each request is waited for, so that no interrupt comes before it looks.
 */
export class Sentinel {
  readonly #port: MessagePort;
  readonly #done = new Int32Array(new SharedArrayBuffer(4));
  readonly #watches = new Map<number, (at: number, total: number) => void>();
  readonly #free = Array.from({ length: CAPACITY }, (_, slot) => CAPACITY - 1 - slot);

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    new Worker(new URL('./sentinel-worker.js', import.meta.url), {
      workerData: { port: port2, done: this.#done },
      transferList: [port2],
      execArgv: [],
    }).unref();
    port1.on('message', (seen: Seen[]) => {
      this.#tell(seen);
    });
    port1.unref();
  }

  /** @returns what ends it */
  watch(fd: number, onSignal: (at: number, total: number) => void): () => void {
    const slot = this.#free.pop();
    if (slot === undefined) return () => undefined;
    this.#watches.set(slot, onSignal);
    this.#ask({ what: 'add', slot, fd });
    return () => {
      this.#ask({ what: 'remove', slot, fd });
      this.flush();
      this.#watches.delete(slot);
      this.#free.push(slot);
    };
  }

  flush(): void {
    this.#ask({ what: 'flush', slot: 0, fd: 0 });
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#tell(received.message as Seen[]);
    }
  }

  #tell(seen: readonly Seen[]): void {
    for (const { slot, at, total } of seen) this.#watches.get(slot)?.(at, total);
  }

  #ask(request: Request): void {
    Atomics.store(this.#done, 0, 0);
    this.#port.postMessage(request);
    if (Atomics.wait(this.#done, 0, 0, STARTED_WITHIN_MS) === 'timed-out') {
      throw new Error('the thread that watches interrupts does not answer');
    }
  }
}
