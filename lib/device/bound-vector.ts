import { channel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { type InspectContext, inspectAs } from '../contract/inspect.js';
import { EventEmitter } from 'node:events';
import { abortError } from '../contract/abort-error.js';
import { checkCpus } from '../contract/call-arguments.js';
import { processClock } from '../contract/clock.js';
import { AWAITED_VECTOR_CHANNEL, type AwaitedVector } from '../contract/diagnostics.js';
import type { Eventfd } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import { checkWaitOptions, type WaitOptions } from '../contract/wait.js';
import { VfioError } from '../errors.js';
import type { Dispatcher } from './dispatcher.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';
import { silenceHint } from './silence.js';
import { PendingInterrupts } from './pending-interrupts.js';
import type { Vector, VectorEvents, VectorOptions } from './vector.js';
import { VectorIterator } from './vector-iterator.js';
import { VectorReceivers } from './vector-receivers.js';
import { VectorWaiters } from './vector-waiters.js';

const awaitedVectors = channel(AWAITED_VECTOR_CHANNEL);

/** The parts of a device that a vector uses. */
export interface VectorContext {
  readonly handle: Handle;
  readonly irq: Irq;
  readonly dispatcher: Dispatcher;
  /** Unbinds the vector's eventfd in the kernel. */
  readonly unbind: () => void;
  /** Called once, after the vector has released its resources. */
  readonly onClose: () => void;
}

/** A vector. Its eventfd is bound in the kernel, and the dispatcher watches the eventfd. */
export class BoundVector extends EventEmitter<VectorEvents> implements Vector {
  readonly index: number;
  readonly eventfd: Eventfd;
  protected readonly context: VectorContext;
  readonly #counted: boolean;
  readonly #ownsEventfd: boolean;
  readonly #slot: number;
  readonly #lifetime: Lifetime;
  readonly #pending: PendingInterrupts;
  readonly #receivers = new VectorReceivers(() => {
    this.#updateReference();
  });
  readonly #waiters: VectorWaiters;
  #listenerCount = 0;
  #isRefed = true;
  #hasReference = false;
  #isAwaited = false;

  constructor(context: VectorContext, index: number, options: VectorOptions) {
    super();
    const { handle, irq, dispatcher } = context;
    const { counts = false, eventfd } = options;
    this.context = context;
    this.index = index;
    this.#lifetime = new Lifetime(`${irq.name} vector ${index} is closed`, handle.name);
    this.#counted = counts;
    this.#pending = new PendingInterrupts(counts);
    this.#waiters = new VectorWaiters(
      this.#receivers,
      handle.connection.clock ?? processClock,
      (code, end) => this.#waitError(code, end),
    );
    this.#ownsEventfd = eventfd === undefined;
    this.eventfd = eventfd ?? handle.connection.createEventfd();
    let slot: number | undefined;
    try {
      // The eventfd is watched before the kernel can signal it, so that no interrupt is lost.
      slot = dispatcher.add(this.eventfd, counts, (count) => {
        this.deliver(count);
      });
      irq.bindVector(index, this.eventfd);
    } catch (error) {
      if (slot !== undefined) dispatcher.remove(slot);
      if (this.#ownsEventfd) this.eventfd.close();
      throw error;
    }
    this.#slot = slot;
    this.#countListeners();
  }

  get closed(): boolean {
    return !this.#lifetime.isOpen;
  }

  /** Returns the text of the object in `console.log`. */
  [inspect.custom](depth: number, options: InspectContext): string {
    const { index, closed } = this;
    return inspectAs('Vector', { irq: this.context.irq.name, index, closed }, depth, options);
  }

  trigger(): void {
    this.checkOpen();
    this.context.irq.trigger(this.index);
  }

  async next(options: WaitOptions = {}): Promise<bigint> {
    this.checkOpen();
    checkWaitOptions(options);
    if (options.signal?.aborted === true) throw abortError(options.signal);
    const pending = this.#pending.take();
    return pending > 0n ? pending : this.#waiters.wait(options);
  }

  [Symbol.asyncIterator](): AsyncGenerator<bigint, void, undefined> {
    const pending = new PendingInterrupts(this.#counted);
    return new VectorIterator(this, this.#receivers, this.#pending, pending);
  }

  ref(): this {
    this.#isRefed = true;
    this.#updateReference();
    return this;
  }

  unref(): this {
    this.#isRefed = false;
    this.#updateReference();
    return this;
  }

  getAffinity(): number[] {
    this.checkOpen();
    return this.context.irq.getAffinity(this.index);
  }

  setAffinity(cpus: readonly number[]): void {
    this.checkOpen();
    checkCpus(cpus);
    this.context.irq.setAffinity(this.index, cpus);
  }

  close(): void {
    if (this.closed) return;
    try {
      this.context.unbind();
    } finally {
      this.release();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Removes the listeners of the program, but not the internal listeners that count them. */
  override removeAllListeners(event?: keyof VectorEvents): this {
    const events = event === undefined ? (['interrupt', 'close'] as const) : [event];
    for (const name of events) super.removeAllListeners(name);
    return this;
  }

  /** Releases the vector after the kernel has unbound its eventfd. */
  release(): void {
    const { closingHint } = this.context.handle;
    if (!this.#lifetime.end(closingHint)) return;
    this.#updateReference();
    this.context.dispatcher.remove(this.#slot);
    if (this.#ownsEventfd) this.eventfd.close(closingHint);
    this.context.onClose();
    // Emit 'close' in a microtask, so that no listener runs while the vector is closing.
    queueMicrotask(() => {
      this.#receivers.end();
      this.emit('close');
    });
  }

  protected deliver(count: bigint): void {
    const isReceived = this.#receivers.deliver(count);
    if (!this.emit('interrupt', count) && !isReceived) this.#pending.add(count);
  }

  protected checkOpen(): void {
    this.#lifetime.check();
  }

  #countListeners(): void {
    const count = (step: number) => (event: string | symbol) => {
      if (event !== 'interrupt') return;
      this.#listenerCount += step;
      this.#updateReference();
    };
    this.on('newListener', count(1));
    this.on('removeListener', count(-1));
  }

  get #isHeard(): boolean {
    return this.#listenerCount > 0 || this.#receivers.size > 0;
  }

  #updateReference(): void {
    const awaited = this.#lifetime.isOpen && this.#isHeard;
    if (awaited !== this.#isAwaited) {
      this.#isAwaited = awaited;
      if (awaitedVectors.hasSubscribers) this.#publishAwaited();
    }
    const referenced = this.#isRefed && awaited;
    if (referenced === this.#hasReference) return;
    this.#hasReference = referenced;
    if (referenced) this.context.dispatcher.ref();
    else this.context.dispatcher.unref();
  }

  #publishAwaited(): void {
    const message: AwaitedVector = { eventfd: this.eventfd, isAwaited: this.#isAwaited };
    awaitedVectors.publish(message);
  }

  /** @param end - what ended a call of `next()`, for example `'was closed'` */
  #waitError(code: string, end: string): VfioError {
    const { handle, irq } = this.context;
    const message = `${irq.name} vector ${this.index} ${end}`;
    const hint = code === 'ETIMEDOUT' ? silenceHint(handle, irq.name) : undefined;
    return new VfioError({ code, message, path: handle.name, hint });
  }
}
