import { EventEmitter } from 'node:events';
import type { Eventfd } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import { VfioError } from '../errors.js';
import { checkBoolean, checkInteger, checkOptions } from '../checks.js';
import { checkEventfd } from '../contract/eventfd.js';
import type { Dispatcher } from './dispatcher.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';

/** How a vector is delivered. */
export interface VectorOptions {
  /**
   * Reads the eventfd on each delivery, so that it says how many interrupts there were. Otherwise
   * a delivery has the count 1n and means "at least one", which is several times cheaper.
   */
  counts?: boolean | undefined;
  /**
   * Uses this one instead of a new eventfd, and leaves it open in the end. A device can watch an
   * eventfd once, so two vectors cannot have the same (EEXIST).
   */
  eventfd?: Eventfd | undefined;
}

/** What a vector needs of its device. @internal */
export interface VectorContext {
  readonly handle: Handle;
  readonly irq: Irq;
  readonly dispatcher: Dispatcher;
  /** Takes the eventfd from the kernel. */
  readonly unbind: () => void;
  /** Called once, when all is released. */
  readonly onClose: () => void;
}

/**
 * @param more - names of options beside those of every vector
 * @throws TypeError before anything is asked of the system
 */
export function checkVectorOptions(options: VectorOptions, more: readonly string[] = []): void {
  checkOptions(options, ['counts', 'eventfd', ...more]);
  const { counts, eventfd } = options;
  if (counts !== undefined) checkBoolean(counts, 'counts');
  if (eventfd !== undefined) checkEventfd(eventfd, 'eventfd');
}

/** Events of a {@link Vector}. */
export interface VectorEvents {
  /** How many interrupts; 1n, for "at least one", unless the vector was requested with `counts`. */
  interrupt: [count: bigint];
  /** Once, in a microtask after the closing. */
  close: [];
  newListener: [event: string | symbol];
  removeListener: [event: string | symbol];
}

/**
 * One interrupt vector: an eventfd that the kernel signals. It keeps the process alive while
 * somebody listens, unless {@link unref} was called. What nobody listened for is kept, as one
 * delivery, for the next caller of {@link next}.
 *
 * @example
 * const vector = device.interrupts.msix.request(0);
 * vector.on('interrupt', () => { reapCompletions(); });
 * @example
 * for await (const count of device.interrupts.msix.request(1)) console.log(count);
 */
export class Vector extends EventEmitter<VectorEvents> {
  /** Number of the vector within its interrupt index. */
  readonly index: number;
  /** What the kernel signals. */
  readonly eventfd: Eventfd;
  /** @internal */
  protected readonly context: VectorContext;
  readonly #counted: boolean;
  readonly #ownsEventfd: boolean;
  readonly #slot: number;
  readonly #lifetime: Lifetime;
  #unclaimed = 0n;
  #listeners = 0;
  #wanted = true;
  #referenced = false;

  /** @internal */
  constructor(context: VectorContext, index: number, options: VectorOptions) {
    super();
    const { handle, irq, dispatcher } = context;
    const { counts = false, eventfd } = options;
    this.context = context;
    this.index = index;
    this.#lifetime = new Lifetime(`${irq.name} vector ${index} is closed`, handle.name);
    this.#counted = counts;
    this.#ownsEventfd = eventfd === undefined;
    this.eventfd = eventfd ?? handle.connection.createEventfd();
    let slot: number | undefined;
    try {
      // Watched first, so that nothing is missed once the kernel signals it.
      slot = dispatcher.add(this.eventfd, counts, (count) => {
        this.deliver(count);
      });
      irq.bindOne(index, this.eventfd);
    } catch (error) {
      if (slot !== undefined) dispatcher.remove(slot);
      if (this.#ownsEventfd) this.eventfd.close();
      throw error;
    }
    this.#slot = slot;
    this.#countListeners();
  }

  /** Whether it was closed, by itself or with its index or device. */
  get closed(): boolean {
    return !this.#lifetime.isOpen;
  }

  /**
   * Signals the vector as if the device had (SET_IRQS, DATA_NONE, ACTION_TRIGGER): a loopback test
   * of the way from the kernel to the listener.
   */
  trigger(): void {
    this.checkOpen();
    this.context.irq.trigger(this.index);
  }

  /**
   * The next interrupt, or at once what nobody has listened for. It is coalesced: interrupts that
   * come while nobody waits are one delivery. Use it or listeners for a vector, not both.
   *
   * @returns how many interrupts, or 1n for "at least one" without `counts`
   * @throws {@link VfioError} EBADF if the vector is closed, ECANCELED when it is closed meanwhile;
   *   the signal's reason when that is aborted
   */
  async next(options: { signal?: AbortSignal | undefined } = {}): Promise<bigint> {
    this.checkOpen();
    checkOptions(options, ['signal']);
    const { signal } = options;
    if (signal !== undefined) checkSignal(signal);
    signal?.throwIfAborted();
    if (this.#unclaimed > 0n) return this.#claim();
    return new Promise((resolve, reject) => {
      const done = () => {
        this.off('interrupt', onInterrupt);
        this.off('close', onClose);
        signal?.removeEventListener('abort', onAbort);
      };
      const onInterrupt = (count: bigint) => {
        done();
        resolve(count);
      };
      const onClose = () => {
        done();
        reject(this.#canceledError());
      };
      const onAbort = () => {
        done();
        // The reason is the caller's own, whatever it is.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(signal?.reason);
      };
      this.on('interrupt', onInterrupt);
      this.on('close', onClose);
      signal?.addEventListener('abort', onAbort);
    });
  }

  /**
   * Interrupts as they come, coalesced while the loop's body runs; ends when the vector is closed.
   * What came while the body ran that left the loop is there for the next caller of {@link next}.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<bigint, void, undefined> {
    let pending = this.#claim();
    let wake: (() => void) | undefined;
    const onInterrupt = (count: bigint) => {
      pending = this.#coalesce(pending, count);
      wake?.();
    };
    const onClose = () => {
      wake?.();
    };
    this.on('interrupt', onInterrupt);
    this.on('close', onClose);
    try {
      while (this.#lifetime.isOpen || pending > 0n) {
        if (pending === 0n) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const count = pending;
        pending = 0n;
        yield count;
      }
    } finally {
      this.off('interrupt', onInterrupt);
      this.off('close', onClose);
      if (pending > 0n) this.#unclaimed = this.#coalesce(this.#unclaimed, pending);
    }
  }

  /** Keeps the process alive while somebody listens: the default. */
  ref(): this {
    this.#wanted = true;
    this.#updateReference();
    return this;
  }

  /** Lets the process end although somebody listens. */
  unref(): this {
    this.#wanted = false;
    this.#updateReference();
    return this;
  }

  /**
   * CPUs that serve the host interrupt behind the vector, from /proc/irq.
   * @throws {@link VfioError} ENOENT if there is none now
   */
  getAffinity(): number[] {
    this.checkOpen();
    return this.context.irq.getAffinity(this.index);
  }

  /**
   * Chooses the CPUs that serve the host interrupt behind the vector; needs root.
   * @param cpus - numbers of CPUs, at least one
   */
  setAffinity(cpus: readonly number[]): void {
    this.checkOpen();
    if (!Array.isArray(cpus)) throw new TypeError('cpus must be an array');
    if (cpus.length === 0) throw new RangeError('cpus must name at least one CPU');
    for (const cpu of cpus) checkInteger(cpu, 'cpu', 0, 2 ** 31 - 1);
    this.context.irq.setAffinity(this.index, cpus);
  }

  /**
   * Takes the eventfd from the kernel, forgets it and closes it. Iterators end, waiting `next()`
   * calls fail with ECANCELED, then `'close'` is emitted. Idempotent.
   *
   * @throws {@link VfioError} of SET_IRQS; all else is released nevertheless
   */
  close(): void {
    if (this.closed) return;
    try {
      this.context.unbind();
    } finally {
      this.release();
    }
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Node's own takes the listeners with it that keep the count of listeners. */
  override removeAllListeners(event?: keyof VectorEvents): this {
    const events = event === undefined ? (['interrupt', 'close'] as const) : [event];
    for (const name of events) super.removeAllListeners(name);
    return this;
  }

  /**
   * Lets go of everything here without a word to the kernel, which has dropped the eventfd.
   * @internal
   */
  release(): void {
    const { closingHint } = this.context.handle;
    if (!this.#lifetime.end(closingHint)) return;
    this.#updateReference();
    this.context.dispatcher.remove(this.#slot);
    if (this.#ownsEventfd) this.eventfd.close(closingHint);
    this.context.onClose();
    // Later, so that no listener gets between the steps of whoever closes.
    queueMicrotask(() => this.emit('close'));
  }

  /** @internal */
  protected deliver(count: bigint): void {
    if (!this.emit('interrupt', count)) this.#unclaimed = this.#coalesce(this.#unclaimed, count);
  }

  /** @internal */
  protected checkOpen(): void {
    this.#lifetime.check();
  }

  /** Without counts, several deliveries are "at least one" still. */
  #coalesce(kept: bigint, count: bigint): bigint {
    return this.#counted ? kept + count : 1n;
  }

  #claim(): bigint {
    const count = this.#unclaimed;
    this.#unclaimed = 0n;
    return count;
  }

  #countListeners(): void {
    const count = (step: number) => (event: string | symbol) => {
      if (event !== 'interrupt') return;
      this.#listeners += step;
      this.#updateReference();
    };
    this.on('newListener', count(1));
    this.on('removeListener', count(-1));
  }

  #updateReference(): void {
    const referenced = this.#wanted && this.#lifetime.isOpen && this.#listeners > 0;
    if (referenced === this.#referenced) return;
    this.#referenced = referenced;
    if (referenced) this.context.dispatcher.ref();
    else this.context.dispatcher.unref();
  }

  #canceledError(): VfioError {
    const { handle, irq } = this.context;
    const message = `${irq.name} vector ${this.index} was closed`;
    return new VfioError({ code: 'ECANCELED', message, path: handle.name });
  }
}

function checkSignal(value: unknown): void {
  const { throwIfAborted } = Object(value) as Partial<AbortSignal>;
  if (typeof throwIfAborted !== 'function') throw new TypeError('signal must be an AbortSignal');
}
