import { type Eventfd, type FlowName, type IrqSet, PhysicalSource, VirtualMsix } from 'vfio/mock';
import { observeConnection } from '../../lib/observe/index.js';
import type { FiringDevice } from './firing-device.js';

const NONE = 1;
const ENABLE = 0x8000;
const VECTOR_CONTROL = 12;
/** If an interrupt is not delivered within this time, the interrupt counts as lost. */
const LOST_AFTER_MS = 20_000;

/**
 * The result of a measurement that unmasks vectors one by one. The vectors that are already
 * unmasked fire during the measurement.
 */
export interface Growth {
  readonly flow: FlowName;
  readonly vectors: number;
  /** Number of SET_IRQS calls. */
  readonly calls: number;
  /** Number of interrupt handlers that were freed to add vectors. */
  readonly torn: number;
  /**
   * Number of interrupts that the device sent. The benchmark does not use the SET_IRQS loopback,
   * which fails while MSI-X is disabled.
   */
  readonly fired: number;
  readonly delivered: number;
  /**
   * Number of interrupts that the device sent, but that were not delivered. All firing vectors are
   * unmasked, so each interrupt should be delivered.
   */
  readonly lost: number;
  /** The part of `lost` that the device sent by INTx, because MSI-X was disabled. */
  readonly redirected: number;
  /** Number of vectors that the host could not provide, and that therefore do not fire. */
  readonly failed: number;
  /**
   * Time that the library and the back end used to unmask the vectors, without the time for firing
   * and delivery.
   */
  readonly milliseconds: number;
}

/** Options of {@link grow}. */
export interface GrowOptions {
  readonly flow: FlowName;
  readonly vectors: number;
  /**
   * Maximum number of vectors that fire after one SET_IRQS or one unmask operation. The unmasked
   * vectors fire in turn. Default: all unmasked vectors fire.
   */
  readonly maxFiring?: number | undefined;
}

/** The unmasked vectors, and the counts of their interrupts. */
class Consumers {
  fired = 0;
  delivered = 0;
  redirected = 0;
  milliseconds = 0;
  readonly #firing: FiringDevice;
  readonly #maxFiring: number;
  readonly #vectors: number[] = [];
  readonly #eventfds: Eventfd[] = [];
  #next = 0;

  constructor(firing: FiringDevice, maxFiring: number) {
    this.#firing = firing;
    this.#maxFiring = maxFiring;
  }

  connect(vector: number, msix: VirtualMsix): void {
    const eventfd = this.#firing.device.createEventfd();
    this.#eventfds[vector] = eventfd;
    msix.connect(vector, eventfd);
  }

  join(vector: number): void {
    this.#vectors.push(vector);
  }

  fire(): void {
    const start = performance.now();
    const { byMessage, byPin } = this.#firing.fire(this.#nextVectors());
    this.fired += byMessage.length + byPin;
    this.redirected += byPin;
    for (const vector of byMessage) this.delivered += readCount(this.#eventfds[vector]);
    this.milliseconds += performance.now() - start;
  }

  /** Stops the vectors and closes their eventfds. */
  close(): void {
    this.#vectors.length = 0;
    for (const eventfd of this.#eventfds) eventfd.close();
  }

  #nextVectors(): readonly number[] {
    const { length } = this.#vectors;
    if (length <= this.#maxFiring) return this.#vectors;
    const first = this.#next;
    this.#next += this.#maxFiring;
    return Array.from(
      { length: this.#maxFiring },
      (_, i) => this.#vectors[(first + i) % length] ?? 0,
    );
  }
}

/** Reads an eventfd. If the eventfd is empty, polls the eventfd for up to {@link LOST_AFTER_MS}. */
function readCount(eventfd: Eventfd | undefined): number {
  let count = eventfd?.read() ?? 0n;
  if (count === 0n) {
    const until = performance.now() + LOST_AFTER_MS;
    while (count === 0n && performance.now() < until) count = eventfd?.read() ?? 0n;
  }
  return Number(count);
}

/**
 * Unmasks vectors one by one. The unmasked vectors fire after each SET_IRQS and after each unmask
 * operation.
 */
export function grow(
  firing: FiringDevice,
  { flow, vectors, maxFiring = vectors }: GrowOptions,
): Growth {
  let calls = 0;
  let torn = 0;
  const bound = new Set<number>();
  let failed = 0;
  const consumers = new Consumers(firing, maxFiring);
  const connection = observeConnection(firing.device.connection, ({ method, args }) => {
    if (method !== 'setIrqs') return () => undefined;
    const [{ flags, start, eventfds = [] }] = args as [IrqSet];
    calls++;
    if ((flags & NONE) !== 0) {
      torn += bound.size;
      bound.clear();
    }
    eventfds.forEach((eventfd, i) => {
      if (eventfd !== null) bound.add(start + i);
    });
    return () => {
      consumers.fire();
    };
  });
  using physical = new PhysicalSource(connection);
  const msix = new VirtualMsix({
    vectors,
    table: { bar: 0, offset: 0 },
    pba: { bar: 0, offset: 0x8000 },
  });
  msix.attach(physical, { flow });
  msix.on('failed', () => failed++);

  const start = performance.now();
  msix.configWrite(2, 2, ENABLE);
  for (let vector = 0; vector < vectors; vector++) {
    consumers.connect(vector, msix);
    msix.tableWrite(16 * vector + VECTOR_CONTROL, 4, 0);
    if (msix.state(vector) === 'requested') consumers.join(vector);
    consumers.fire();
  }
  const milliseconds = performance.now() - start - consumers.milliseconds;
  consumers.close();
  const { fired, delivered, redirected } = consumers;
  const lost = fired - delivered;
  return {
    ...{ flow, vectors, calls, torn, fired, delivered, lost, redirected, failed, milliseconds },
  };
}
