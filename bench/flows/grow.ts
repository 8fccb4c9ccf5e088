import { type Eventfd, type FlowName, type IrqSet, PhysicalSource, VirtualMsix } from 'vfio/mock';
import { observeConnection } from '../../lib/observe/index.js';
import type { Bells } from './bells.js';

const NONE = 1;
const ENABLE = 0x8000;
const VECTOR_CONTROL = 12;
/** How long an interrupt may take until it counts as lost. */
const PATIENCE_MS = 20_000;

/** What it took to unmask vectors one after the other, while those that were unmasked fired. */
export interface Growth {
  readonly flow: FlowName;
  readonly vectors: number;
  /** SET_IRQS calls. */
  readonly calls: number;
  /** Handlers that were freed to grow. */
  readonly torn: number;
  /** By the device; never by loopback, which is refused while MSI-X is disabled. */
  readonly fired: number;
  readonly delivered: number;
  /** Fired and not delivered: the vectors are unmasked, so each interrupt is a delivery. */
  readonly lost: number;
  /** Of the lost ones, those that the device sent by INTx, since MSI-X was disabled. */
  readonly redirected: number;
  /** Vectors that the host did not have. They do not fire. */
  readonly failed: number;
  /** In the library and the back end, without the interrupts between. */
  readonly milliseconds: number;
}

/** What is asked of {@link grow}. */
export interface GrowOptions {
  readonly flow: FlowName;
  readonly vectors: number;
  /** How many fire at a time, in turn. Default: all that are unmasked. */
  readonly most?: number | undefined;
}

/** The vectors that are unmasked, and what became of their interrupts. */
class Consumers {
  fired = 0;
  delivered = 0;
  redirected = 0;
  milliseconds = 0;
  readonly #bells: Bells;
  readonly #most: number;
  readonly #vectors: number[] = [];
  readonly #eventfds: Eventfd[] = [];
  #next = 0;

  constructor(bells: Bells, most: number) {
    this.#bells = bells;
    this.#most = most;
  }

  connect(vector: number, msix: VirtualMsix): void {
    const eventfd = this.#bells.device.createEventfd();
    this.#eventfds[vector] = eventfd;
    msix.connect(vector, eventfd);
  }

  join(vector: number): void {
    this.#vectors.push(vector);
  }

  fire(): void {
    const start = performance.now();
    const { byMessage, byPin } = this.#bells.ring(this.#whoseTurn());
    this.fired += byMessage.length + byPin;
    this.redirected += byPin;
    for (const vector of byMessage) this.delivered += take(this.#eventfds[vector]);
    this.milliseconds += performance.now() - start;
  }

  /** Nothing fires any more. */
  close(): void {
    this.#vectors.length = 0;
    for (const eventfd of this.#eventfds) eventfd.close();
  }

  #whoseTurn(): readonly number[] {
    const { length } = this.#vectors;
    if (length <= this.#most) return this.#vectors;
    const first = this.#next;
    this.#next += this.#most;
    return Array.from({ length: this.#most }, (_, i) => this.#vectors[(first + i) % length] ?? 0);
  }
}

function take(eventfd: Eventfd | undefined): number {
  let taken = eventfd?.read() ?? 0n;
  if (taken === 0n) {
    const until = performance.now() + PATIENCE_MS;
    while (taken === 0n && performance.now() < until) taken = eventfd?.read() ?? 0n;
  }
  return Number(taken);
}

/** Those that are unmasked fire after each SET_IRQS, and after each unmask. */
export function grow(bells: Bells, { flow, vectors, most = vectors }: GrowOptions): Growth {
  let calls = 0;
  let torn = 0;
  let bound = 0;
  let failed = 0;
  const consumers = new Consumers(bells, most);
  const connection = observeConnection(bells.device.connection, ({ method, args }) => {
    if (method !== 'setIrqs') return () => undefined;
    const [{ flags, eventfds = [] }] = args as [IrqSet];
    calls++;
    if ((flags & NONE) !== 0) torn += bound;
    if ((flags & NONE) !== 0) bound = 0;
    bound += eventfds.filter((eventfd) => eventfd !== null).length;
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
