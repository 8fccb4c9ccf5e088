import {
  type Eventfd,
  type EventSet,
  type HostInterrupt,
  type HostVectors,
  type Message,
  type SlotStorage,
  VfioError,
} from 'vfio/mock';
import type { Schedule } from '../vectors/schedule.js';

const MASK = 1;
const PENDING = 2;
const IGNORE = 4;
const PASID_ENABLE = 8;

/** The methods of a schedule that the fakes call. */
type Steps = Pick<Schedule, 'step' | 'createEventfd' | 'createEventSet'>;

/**
 * A fake host with interrupts. A message signals the eventfd that is bound to the message's
 * address.
 */
export class FakeHost implements HostVectors {
  readonly #bound = new Map<bigint, Eventfd>();
  readonly affinity = new Map<bigint, readonly number[]>();
  /** Number of a CPU that is offline. */
  offline = -1;
  /** Number of messages that were sent to an address without an eventfd. */
  blocked = 0;
  #next = 0n;
  binds = 0;
  failAt = -1;
  /**
   * Whether CPUs handle a message only when `synchronize` is called or the event loop turns.
   */
  slowCpus = false;
  readonly #sent: bigint[] = [];

  constructor(
    readonly steps: Steps,
    readonly capacity = Infinity,
  ) {}

  get used(): number {
    return this.#bound.size;
  }

  send({ address }: Message): void {
    this.#sent.push(address);
    if (!this.slowCpus) this.take();
  }

  /**
   * Lets the CPUs handle the messages that were sent: all messages, or only messages to one
   * address.
   */
  take(of?: bigint): void {
    for (const address of this.#sent.splice(0)) {
      if (of !== undefined && address !== of) {
        this.#sent.push(address);
        continue;
      }
      const eventfd = this.#bound.get(address);
      if (eventfd === undefined) this.blocked++;
      else eventfd.signal();
    }
  }

  allocate(target: Eventfd): HostInterrupt {
    if (this.used >= this.capacity) throw new VfioError({ code: 'ENOSPC' });
    const address = 0xfee0_0000n + 0x20n * this.#next++;
    this.#bind(address, target);
    return {
      message: { address, data: 0 },
      bind: (next) => {
        this.#bind(address, next);
      },
      synchronize: () => {
        this.steps.step();
        this.take(address);
        this.steps.step();
      },
      getAffinity: () => [...(this.affinity.get(address) ?? [])],
      setAffinity: (cpus) => {
        if (cpus.includes(this.offline)) throw new VfioError({ code: 'EINVAL' });
        this.affinity.set(address, cpus);
      },
      close: () => {
        this.steps.step();
        this.take(address);
        this.#bound.delete(address);
        this.steps.step();
      },
    };
  }

  createEventfd(): Eventfd {
    return this.steps.createEventfd();
  }

  createEventSet(capacity: number): EventSet {
    return this.steps.createEventSet(capacity);
  }

  /**
   * Handles the messages that were sent before, then frees the old handler and requests the new
   * handler.
   */
  #bind(address: bigint, target: Eventfd): void {
    this.steps.step();
    this.take(address);
    this.#bound.delete(address);
    this.steps.step();
    if (this.binds++ === this.failAt) throw new VfioError({ code: 'ENOSPC' });
    this.#bound.set(address, target);
    this.steps.step();
  }
}

/**
 * A device with the interrupt message store of DSA: 16 bytes for each slot, and read-only pending
 * bits. Work contains the index of a slot and the PASID of its submitter.
 */
export class FakeIms {
  readonly words: Uint32Array;
  /** Number of changes to unmasked slots, not counting changes of a mask bit. */
  liveChanges = 0;
  /** Number of work descriptors refused because their PASID differed from the PASID of the slot. */
  refused = 0;

  constructor(
    readonly host: FakeHost,
    readonly slots: number,
  ) {
    this.words = new Uint32Array(slots * 4);
    for (let slot = 0; slot < slots; slot++) this.words[slot * 4 + 3] = MASK;
  }

  /**
   * Returns the slots as registers. The schedule makes a step before each access and after each
   * write.
   */
  get registers(): SlotStorage {
    const { steps } = this.host;
    return {
      size: this.words.byteLength,
      read32: (offset) => {
        steps.step();
        return this.words[offset / 4] ?? 0;
      },
      write32: (offset, value) => {
        steps.step();
        const index = offset / 4;
        const changed =
          ((this.words[index] ?? 0) ^ value) & ~(index % 4 === 3 ? MASK | PENDING : 0);
        if ((this.control(index >>> 2) & MASK) === 0 && changed !== 0) this.liveChanges++;
        const pending = index % 4 === 3 ? (this.words[index] ?? 0) & PENDING : 0;
        this.words[index] = index % 4 === 3 ? (value & ~PENDING) | pending : value;
        this.#sendPending(index >>> 2);
        steps.step();
      },
    };
  }

  control(slot: number): number {
    return this.words[slot * 4 + 3] ?? 0;
  }

  /** Returns the PASID of a slot; null if the slot checks no PASID. */
  pasid(slot: number): number | null {
    return (this.control(slot) & PASID_ENABLE) === 0 ? null : this.control(slot) >>> 12;
  }

  /** Whether work of a PASID is allowed to send the interrupt of a slot. */
  permits(slot: number, pasid: number | null): boolean {
    return (this.control(slot) & IGNORE) !== 0 || this.pasid(slot) === pasid;
  }

  /**
   * Completes work that requests the interrupt of a slot. @returns whether the interrupt was
   * permitted
   */
  complete(slot: number, pasid: number | null): boolean {
    if (!this.permits(slot, pasid)) {
      this.refused++;
      return false;
    }
    this.words[slot * 4 + 3] = this.control(slot) | PENDING;
    this.#sendPending(slot);
    return true;
  }

  #sendPending(slot: number): void {
    const control = this.control(slot);
    if ((control & PENDING) === 0 || (control & MASK) !== 0) return;
    this.words[slot * 4 + 3] = control & ~PENDING;
    const at = slot * 4;
    const address = (BigInt(this.words[at + 1] ?? 0) << 32n) | BigInt(this.words[at] ?? 0);
    this.host.send({ address, data: this.words[at + 2] ?? 0 });
  }
}
