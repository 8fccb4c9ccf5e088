import { checkCpus } from '../../contract/call-arguments.js';
import { checkEventfd } from '../../contract/eventfd.js';
import type { Eventfd, EventfdFactory } from '../../contract/index.js';
import type { VectorCharge } from './budget.js';
import type { Message } from '../../contract/message.js';
import type { Slot } from './slot.js';

/** One interrupt of the host, and the message that raises the interrupt. */
export interface HostInterrupt {
  /** The current message. The message can change when the interrupt is bound to an eventfd. */
  readonly message: Message;
  /** Binds the interrupt to another eventfd, without losing a signal. */
  bind(target: Eventfd): void;
  /** Waits until all messages that were sent before the call have signalled the eventfd. */
  synchronize(): void;
  /** Returns the CPUs that serve the interrupt. */
  getAffinity(): number[];
  /** Sets the CPUs that serve the interrupt. @param cpus - numbers of one or more CPUs */
  setAffinity(cpus: readonly number[]): void;
  /** Frees the interrupt. Messages that were sent before the call still signal the eventfd. */
  close(): void;
}

/** Allocates interrupts of the host. */
export interface HostVectors extends EventfdFactory {
  /**
   * Allocates an interrupt.
   * @param target - the eventfd that the interrupt signals
   * @throws {@link VfioError} ENOSPC if the host has no interrupt left
   */
  allocate(target: Eventfd): HostInterrupt;
  /**
   * Calls `callback` after each reset of the device. If the slots are registers of the device, a
   * reset erases the slots.
   */
  onReset?(callback: () => void): void;
}

/** Masks slots while their host vector moves to another eventfd. */
export interface SlotControl {
  /**
   * Masks a slot, if the slot is live.
   * @throws {@link VfioError} EBUSY if the layout lacks a mask bit or a pending bit
   */
  pause(slot: Slot): void;
  /** Unmasks a slot, if the slot is live. */
  resume(slot: Slot): void;
}

/** Arguments for creating a {@link HostVector}. */
export interface HostVectorContext {
  readonly interrupt: HostInterrupt;
  readonly target: Eventfd;
  readonly charge: VectorCharge | null;
  readonly createEventfd: () => Eventfd;
  readonly slotControl: SlotControl;
}

/** Methods of {@link HostVector} that are internal to this folder. */
export interface HostVectorInternals {
  create(context: HostVectorContext): HostVector;
  addSlot(vector: HostVector, slot: Slot): void;
  removeSlot(vector: HostVector, slot: Slot): void;
  /**
   * Calls `run`, and drops the interrupts that the vector receives during the call. The other slots
   * of the vector are masked during the call and lose no interrupt.
   */
  discardDuring(vector: HostVector, run: () => void): void;
}

export let hostVectorInternals: HostVectorInternals;

/** A host interrupt that slots raise. Several slots can raise the same host interrupt. */
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
      addSlot: (vector, slot) => {
        vector.#slots.add(slot);
      },
      removeSlot: (vector, slot) => {
        vector.#slots.delete(slot);
      },
      discardDuring: (vector, run) => {
        vector.#discardDuring(run);
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

  /**
   * Slots that raise the interrupt. If the eventfd is signalled, any slot in the set is a possible
   * cause.
   */
  get slots(): ReadonlySet<Slot> {
    return this.#slots;
  }

  /** The current message that raises the interrupt. */
  get message(): Message {
    return this.#interrupt.message;
  }

  /** The eventfd that the interrupt signals. */
  get target(): Eventfd {
    return this.#target;
  }

  /**
   * Binds the interrupt to another eventfd. If the message changes, the new message is written to
   * the slots. The host drops messages during the move. Slots ignore the mask bits of the host's
   * MSI-X table, so the slots themselves are masked during the move. If the move fails, the old
   * eventfd is bound again.
   *
   * @throws {@link VfioError} EBUSY if a slot is live, but its layout lacks a mask bit or a pending
   *   bit
   */
  bind(target: Eventfd): void {
    checkEventfd(target, 'target');
    const slots = [...this.#slots];
    try {
      for (const slot of slots) this.#slotControl.pause(slot);
      this.#move(target);
      for (const slot of slots) slot.refresh();
    } finally {
      for (const slot of slots) this.#slotControl.resume(slot);
    }
  }

  /** Waits until all messages that the slots have already sent have signalled the eventfd. */
  synchronize(): void {
    this.#interrupt.synchronize();
  }

  /** Returns the CPUs that serve the interrupt. */
  getAffinity(): number[] {
    return this.#interrupt.getAffinity();
  }

  /**
   * Sets the CPUs that serve the interrupt. If the budget limits vectors per CPU, only the CPU in
   * `cpus` with the fewest vectors is used.
   *
   * @throws {@link VfioError} ENOSPC if all CPUs in `cpus` are full
   */
  setAffinity(cpus: readonly number[]): void {
    checkCpus(cpus);
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

  /**
   * Frees the interrupt. Before the call, the caller must free or unprogram all slots that raise
   * the interrupt.
   */
  close(): void {
    this.#interrupt.close();
    this.#charge?.refund();
  }

  #discardDuring(run: () => void): void {
    const slots = [...this.#slots];
    const unread = this.#createEventfd();
    try {
      for (const slot of slots) this.#slotControl.pause(slot);
      this.#interrupt.bind(unread);
      run();
      this.#interrupt.bind(this.#target);
    } finally {
      for (const slot of slots) this.#slotControl.resume(slot);
      unread.close();
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
