import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { packageFile } from '../../package-files.js';
import { warn, type Guard } from '../guard.js';
import { createSeenSignalsMemory, SeenSignals } from './seen-signals.js';

/** Maximum number of watched eventfds: twice the maximum number of MSI-X vectors. */
export const CAPACITY = 4096;
/** Longest time that the program waits for the start of the watching thread. */
const START_TIMEOUT_MS = 2000;
/** Longest time that the program waits for the answer to a later request. */
const REQUEST_TIMEOUT_MS = 100;

/** A request to the watching thread. */
export interface Request {
  readonly command: 'add' | 'remove' | 'flush';
  /** Number of the watch. Each watch of an eventfd has another number. */
  readonly watch: number;
  readonly fd: number;
}

const FLUSH: Request = { command: 'flush', watch: 0, fd: -1 };

/**
 * Watches eventfds from a separate thread. The watching thread sees a signal even while the threads
 * of the program are busy, so the trace can show late deliveries. The watching thread has a
 * separate, edge-triggered epoll set and does not read the watched eventfds.
 *
 * After each request, the caller waits until the watching thread has handled the request. The trace
 * then contains the arrival time of every interrupt. If the thread is too slow, the caller never
 * waits again, and the trace lacks some of these times.
 */
export class EventfdWatcher {
  readonly #port: MessagePort;
  readonly #worker: Worker;
  /** The numbers of handled requests, and of signals that wait for room in the queue. */
  readonly #handled = new Int32Array(new SharedArrayBuffer(8));
  readonly #seen: SeenSignals;
  readonly #listeners = new Map<number, (at: number, total: number) => void>();
  #requests = 0;
  #lastWatch = 0;
  #isSlow = false;

  /** @param guard - receives the failures of later events */
  constructor(guard: Guard) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const memory = createSeenSignalsMemory();
    this.#seen = new SeenSignals(memory);
    this.#worker = new Worker(packageFile('dist/lib/observe/trace/eventfd-watcher-worker.js'), {
      workerData: { port: port2, handled: this.#handled, memory },
      transferList: [port2],
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on('error', (error) => {
      this.#loseThread(`failed (${error.message})`);
    });
    port1.on('message', () => {
      guard.run(() => {
        this.receive();
      });
    });
    port1.unref();
  }

  /**
   * Watches an eventfd. If the maximum number of eventfds is already watched, the eventfd stays
   * unwatched.
   * @returns a function that stops the watch
   */
  watch(fd: number, onSignal: (at: number, total: number) => void): () => void {
    if (this.#listeners.size >= CAPACITY) return () => undefined;
    const watch = ++this.#lastWatch;
    this.#listeners.set(watch, onSignal);
    this.#request({ command: 'add', watch, fd });
    return () => {
      this.#requestSignals({ command: 'remove', watch, fd });
      this.#listeners.delete(watch);
    };
  }

  /** Calls the listeners for all signals that the thread has seen so far. */
  flush(): void {
    this.#requestSignals(FLUSH);
  }

  /**
   * Calls the listeners for the signals that are in the shared queue now. Does not wait.
   *
   * @returns number of these signals
   */
  receive(): number {
    const { size } = this.#seen;
    for (let n = 0; n < size; n++) {
      const seen = this.#seen.take();
      if (seen !== null) this.#listeners.get(seen.watch)?.(seen.at, seen.total);
    }
    return size;
  }

  close(): void {
    this.#port.close();
    void this.#worker.terminate();
  }

  /** Makes a request, and receives all signals that the thread has seen before. */
  #requestSignals(request: Request): void {
    this.#request(request);
    this.receive();
    let waiting = Atomics.load(this.#handled, 1);
    while (waiting > 0 && !this.#isSlow) {
      this.#request(FLUSH);
      waiting -= this.receive();
    }
  }

  #request(request: Request): void {
    this.#port.postMessage(request);
    this.#requests++;
    if (this.#isSlow) return;
    const limit = this.#requests === 1 ? START_TIMEOUT_MS : REQUEST_TIMEOUT_MS;
    const end = performance.now() + limit;
    for (;;) {
      const handled = Atomics.load(this.#handled, 0);
      if (handled === this.#requests) return;
      const left = end - performance.now();
      if (left <= 0) break;
      Atomics.wait(this.#handled, 0, handled, left);
    }
    this.#loseThread(`did not answer within ${limit} ms`);
  }

  #loseThread(what: string): void {
    if (this.#isSlow) return;
    this.#isSlow = true;
    warn(
      `VFIO_TRACE: the thread that watches the eventfds ${what}. ` +
        'The trace continues, but lacks the arrival times of some interrupts.',
    );
  }
}
