import { EventEmitter } from 'node:events';
import { checkFunction, checkInteger, checkMethods, checkOptions } from '../../checks.js';
import { checkEventfd } from '../../contract/eventfd.js';
import type { Eventfd } from '../../contract/index.js';
import type { Message } from '../../contract/message.js';
import type { Cookie } from '../store/layout.js';
import type { VectorRange, VectorSource, VectorTable } from '../vectors/source.js';
import { Delivery, type Route } from './delivery.js';
import type { FlowName } from './flows.js';
import type { VectorRegisters } from './registers.js';

/** Events of a {@link VirtualMsix} and of a {@link VirtualMsi}. */
export interface VirtualVectorsEvents {
  /**
   * The request of an unmasked vector failed. The event is emitted once for each failed request.
   */
  failed: [vector: number, error: unknown];
  /**
   * A source was attached to `count` vectors from `first` on. The source has raised no interrupt
   * yet.
   */
  attached: [first: number, count: number];
}

/** Options of {@link VirtualVectors.attach}. */
export interface AttachOptions extends VectorRange {
  /**
   * How vectors are allocated. Default: `dynamic` if the source can grow, else `upfront`. Neither
   * `dynamic` nor `upfront` loses an interrupt.
   */
  readonly flow?: FlowName | undefined;
}

/**
 * State of a vector:
 * - `idle`: not allocated;
 * - `allocated`: the host has allocated the vector;
 * - `requested`: the vector is bound, and its interrupts are delivered while the vector is
 *   unmasked;
 * - `failed`: the request failed, and the next unmask repeats the request.
 */
export type VectorState = 'idle' | 'allocated' | 'requested' | 'failed';

const SOURCE = ['connect', 'allocate', 'request', 'hold', 'release', 'setCookie', 'disable'];

/**
 * Returns the {@link Delivery} of a {@link VirtualMsix} or a {@link VirtualMsi}. SET_IRQS calls the
 * methods of the {@link Delivery}.
 */
export let deliveryOf: (vectors: VirtualVectors) => Delivery;

/** The vectors of a {@link VirtualMsix} or a {@link VirtualMsi}. */
export abstract class VirtualVectors
  extends EventEmitter<VirtualVectorsEvents>
  implements VectorTable
{
  /** Number of vectors of the capability. */
  readonly vectors: number;
  readonly #delivery: Delivery;

  static {
    deliveryOf = (vectors) => vectors.#delivery;
  }

  /** @hidden */
  protected constructor(registers: VectorRegisters, route: Route | undefined) {
    super();
    if (route !== undefined) checkFunction(route, 'route');
    this.vectors = registers.vectors;
    this.#delivery = new Delivery(registers, route, (vector, error) => {
      this.emit('failed', vector, error);
    });
  }

  /** The Enable bit of Message Control. */
  get enabled(): boolean {
    return this.#delivery.enabled;
  }

  /** Whether a vector is masked. */
  masked(vector: number): boolean {
    this.#check(vector);
    return this.#delivery.masked(vector);
  }

  /** Returns the state of a vector. */
  state(vector: number): VectorState {
    this.#check(vector);
    return this.#delivery.state(vector);
  }

  /** Returns the message that the guest has written for a vector. */
  message(vector: number): Message {
    this.#check(vector);
    return this.#delivery.message(vector);
  }

  /**
   * Returns the number of dropped signals of a vector. A signal is dropped if the vector has no
   * consumer or the capability is disabled.
   */
  dropped(vector: number): number {
    this.#check(vector);
    return this.#delivery.dropped(vector);
  }

  /** Whether an interrupt of a vector is pending. */
  pending(vector: number): boolean {
    this.#check(vector);
    return (this.#delivery.pendingWord(vector >>> 5) & (1 << (vector & 31))) !== 0;
  }

  /**
   * Attaches a source to a range of vectors. If the call fails, no vector is attached. By default,
   * vector 0 of the source serves vector 0 of the table.
   *
   * @throws TypeError if `source` is not a {@link VectorSource}, or an option is unknown or has a
   *   wrong type
   * @throws RangeError if the range exceeds the table or the source
   * @throws {@link VfioError} EBUSY if a vector of the range is in use: allocated, requested,
   *   emulated, with a cookie, or already attached to this source
   * @throws {@link VfioError} EINVAL if an earlier call attached the source at another offset
   * @throws {@link VfioError} ENOTSUP if `flow` is `dynamic`, but the source cannot grow
   */
  attach(source: VectorSource, options: AttachOptions = {}): void {
    checkMethods(source, 'source', 'VectorSource', SOURCE);
    checkOptions(options, ['first', 'count', 'base', 'claim', 'flow']);
    const { first = 0, base = 0, claim = false, flow } = options;
    checkInteger(base, 'base', 0, source.count - 1);
    checkInteger(first, 'first', 0, this.vectors - 1);
    const { count = Math.min(source.count - base, this.vectors - first) } = options;
    this.#delivery.attach({ source, first, count, base, claim, flow }, () => {
      this.emit('attached', first, count);
    });
  }

  /**
   * Sets the eventfd that a vector signals. If `eventfd` is null, the interrupts of the vector are
   * dropped.
   */
  connect(vector: number, eventfd: Eventfd | null): void {
    this.#check(vector);
    if (eventfd !== null) checkEventfd(eventfd, 'eventfd');
    this.#delivery.connect(vector, eventfd);
  }

  /**
   * Sets the cookie of a vector. The call is allowed at any time and loses no interrupt.
   *
   * @throws {@link VfioError} EINVAL if the vector is emulated, is physical, or has no source
   */
  setCookie(vector: number, cookie: Cookie): void {
    this.#check(vector);
    this.#delivery.setCookie(vector, cookie);
  }

  /**
   * Silences a vector until a cookie is set. Interrupts that were sent before the call are
   * delivered. Later interrupts are dropped when a cookie is set.
   *
   * @throws {@link VfioError} EINVAL if the vector is emulated, is physical, or has no source
   */
  silence(vector: number): void {
    this.#check(vector);
    this.#delivery.silence(vector);
  }

  /**
   * Clears the pending bit of a vector without delivering the interrupt. Call this method after the
   * cause of the interrupt is gone.
   */
  withdraw(vector: number): void {
    this.#check(vector);
    this.#delivery.withdraw(vector);
  }

  #check(vector: number): void {
    checkInteger(vector, 'vector', 0, this.vectors - 1);
  }
}
