import type { Eventfd, EventSet } from '../../contract/index.js';
import type { VectorCharge } from './budget.js';
import type { Message } from '../../contract/message.js';
import type { Slot } from './slot.js';

/** One interrupt of the host, with a message that raises it. */
export interface HostInterrupt {
  /** May change when it is bound. */
  readonly message: Message;
  /** Signals that eventfd instead of the one before; nothing is lost. */
  bind(target: Eventfd): void;
  /** Waits until what was sent has reached its eventfd: it may be on its way to a CPU. */
  synchronize(): void;
  /** CPUs that serve it. */
  getAffinity(): number[];
  /** Chooses the CPUs that serve it. @param cpus - numbers of CPUs, at least one */
  setAffinity(cpus: readonly number[]): void;
  /** Gives it back to the host. What was sent before reaches its eventfd. */
  close(): void;
}

/** Where interrupts of the host come from. */
export interface HostVectors {
  /**
   * Takes one.
   * @param target - the eventfd it signals
   * @throws {@link VfioError} ENOSPC if the host has no more
   */
  allocate(target: Eventfd): HostInterrupt;
  /** An eventfd that one can be bound to. The caller closes it. */
  createEventfd(): Eventfd;
  /** Something to watch them with. @param capacity - eventfds that can be watched */
  createEventSet(capacity: number): EventSet;
  /** Calls back after each reset of the device, which takes what slots in its registers hold. */
  onReset?(callback: () => void): void;
}

/** How a host vector keeps its slots from sending while it moves. */
export interface SlotControl {
  /** @throws {@link VfioError} EBUSY if the slot is live and its layout has no mask and pending bits */
  pause(slot: Slot): void;
  resume(slot: Slot): void;
}

/** What a {@link HostVector} is made from. */
export interface HostVectorContext {
  readonly interrupt: HostInterrupt;
  readonly target: Eventfd;
  readonly charge: VectorCharge | null;
  readonly createEventfd: () => Eventfd;
  readonly slotControl: SlotControl;
}

/** The calls that the classes of this folder make to a {@link HostVector}, and its users do not. */
export interface HostVectorInternals {
  create(context: HostVectorContext): HostVector;
  join(vector: HostVector, slot: Slot): void;
  leave(vector: HostVector, slot: Slot): void;
  /**
   * Drops what a masked slot sends while `run` runs. The other slots of the vector are masked
   * meanwhile, and lose nothing.
   */
  discard(vector: HostVector, run: () => void): void;
}

export let hostVectorInternals: HostVectorInternals;

/** An interrupt of the host that slots send. Several may send the same. */
export class HostVector {
  readonly #interrupt: HostInterrupt;
  readonly #charge: VectorCharge | null;
  readonly #createEventfd: () => Eventfd;
  readonly #slotControl: SlotControl;
  readonly #slots = new Set<Slot>();
  #target: Eventfd;

  static {
    hostVectorInternals = {
      create: (context) => new HostVector(context),
      join: (vector, slot) => {
        vector.#slots.add(slot);
      },
      leave: (vector, slot) => {
        vector.#slots.delete(slot);
      },
      discard: (vector, run) => {
        vector.#discard(run);
      },
    };
  }

  private constructor(context: HostVectorContext) {
    this.#interrupt = context.interrupt;
    this.#target = context.target;
    this.#charge = context.charge;
    this.#createEventfd = context.createEventfd;
    this.#slotControl = context.slotControl;
  }

  /** The slots that may have fired when it does. */
  get slots(): ReadonlySet<Slot> {
    return this.#slots;
  }

  /** The message that raises it now. */
  get message(): Message {
    return this.#interrupt.message;
  }

  /** The eventfd it signals. */
  get target(): Eventfd {
    return this.#target;
  }

  /**
   * Moves it to another eventfd, and its slots to another message if it has one then. Between the
   * two the host takes no message, and slots send theirs past the mask of the host's own table: so
   * they are masked meanwhile. If it fails, it is bound to the one before again, where that works.
   *
   * @throws {@link VfioError} EBUSY if a slot is live whose layout has no mask and pending bits
   */
  bind(target: Eventfd): void {
    const slots = [...this.#slots];
    try {
      for (const slot of slots) this.#slotControl.pause(slot);
      this.#move(target);
      for (const slot of slots) slot.refresh();
    } finally {
      for (const slot of slots) this.#slotControl.resume(slot);
    }
  }

  /** Waits until what its slots have sent has reached its eventfd. */
  synchronize(): void {
    this.#interrupt.synchronize();
  }

  /** CPUs that serve it. */
  getAffinity(): number[] {
    return this.#interrupt.getAffinity();
  }

  /**
   * Chooses the CPUs that serve it; where the budget counts by CPU, the one of them with the fewest.
   * @throws {@link VfioError} ENOSPC if these have all their vectors
   */
  setAffinity(cpus: readonly number[]): void {
    const before = this.#charge?.cpu ?? null;
    this.#charge?.move(cpus);
    const cpu = this.#charge?.cpu ?? null;
    try {
      this.#interrupt.setAffinity(cpu === null ? cpus : [cpu]);
    } catch (error) {
      if (before !== null) this.#charge?.move([before]);
      throw error;
    }
  }

  /** Gives it back. Its slots must have left. */
  close(): void {
    this.#interrupt.close();
    this.#charge?.giveBack();
  }

  #discard(run: () => void): void {
    const slots = [...this.#slots];
    const nowhere = this.#createEventfd();
    try {
      for (const slot of slots) this.#slotControl.pause(slot);
      this.#interrupt.bind(nowhere);
      run();
      this.#interrupt.bind(this.#target);
    } finally {
      for (const slot of slots) this.#slotControl.resume(slot);
      nowhere.close();
    }
  }

  #move(target: Eventfd): void {
    try {
      this.#interrupt.bind(target);
      this.#target = target;
    } catch (error) {
      this.#interrupt.bind(this.#target);
      throw error;
    }
  }
}
