import { VfioError } from '../../index.js';
import type { GuestInterrupts } from './interrupts.js';
import * as dsa from './registers.js';
import type { VirtualQueue } from './virtual-queue.js';

const OPERAND = 0xfffff;
const CODE_SHIFT = 20;
const CODE = 0x1f;
const HANDLE = 0xffff;
/** The operand of a command on queue 0, which is the only queue. */
const QUEUE_0 = 1;

/**
 * The registers `CMD`, `CMDSTS`, `CMDCAP` and `GENSTATS` of a virtual DSA. A command changes only
 * the guest's part of the shared device. Every command has ended when the write to `CMD` returns.
 */
export class VirtualCommands {
  readonly #interrupts: GuestInterrupts;
  readonly #queue: VirtualQueue;
  readonly #onReset: () => void;
  readonly #commands: ReadonlyMap<number, (operand: number) => number>;
  #isEnabled = false;
  #status = 0;

  /** @param onReset - called by the command `RESET_DEVICE` */
  constructor(interrupts: GuestInterrupts, queue: VirtualQueue, onReset: () => void) {
    this.#interrupts = interrupts;
    this.#queue = queue;
    this.#onReset = onReset;
    const onQueue = (run: () => number) => (operand: number) =>
      operand === QUEUE_0 ? run() : dsa.IDXD_CMDSTS_INVAL_WQIDX;
    const drain = () => queue.drain();
    this.#commands = new Map<number, (operand: number) => number>([
      [dsa.IDXD_CMD_ENABLE_DEVICE, () => this.#enable()],
      [dsa.IDXD_CMD_DISABLE_DEVICE, () => this.#disable()],
      [dsa.IDXD_CMD_DRAIN_ALL, drain],
      [dsa.IDXD_CMD_RESET_DEVICE, () => this.#reset()],
      [dsa.IDXD_CMD_ENABLE_WQ, (operand) => this.#enableQueue(operand)],
      [dsa.IDXD_CMD_DISABLE_WQ, onQueue(() => queue.disable())],
      [dsa.IDXD_CMD_DRAIN_WQ, onQueue(drain)],
      [dsa.IDXD_CMD_RESET_WQ, onQueue(() => queue.reset())],
      [dsa.IDXD_CMD_REQUEST_INT_HANDLE, (operand) => this.#requestHandle(operand)],
      [dsa.IDXD_CMD_RELEASE_INT_HANDLE, (operand) => this.#releaseHandle(operand)],
    ]);
  }

  /** The register `CMDCAP`. */
  get supported(): number {
    return [...this.#commands.keys()].reduce((bits, code) => bits | (1 << code), 0);
  }

  /** The register `CMDSTS`. */
  get status(): number {
    return this.#status;
  }

  /** The state of the device in `GENSTATS`. */
  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  /** Runs a command: a write to `CMD`. */
  run(value: number): void {
    this.#status = this.#attempt((value >>> CODE_SHIFT) & CODE, value & OPERAND);
    if (value >= dsa.IDXD_CMD_INT_REQ) this.#interrupts.raise(dsa.IDXD_INTC_CMD);
  }

  /** Disables the guest's part of the device, as a reset does. */
  reset(): void {
    this.#isEnabled = false;
    this.#status = 0;
    this.#queue.reset();
  }

  #attempt(code: number, operand: number): number {
    try {
      return this.#commands.get(code)?.(operand) ?? dsa.IDXD_CMDSTS_INVAL_CMD;
    } catch (error) {
      // The shared device has refused the command.
      if (error instanceof VfioError) return dsa.IDXD_CMDSTS_HW_ERR;
      throw error;
    }
  }

  #enable(): number {
    if (this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_DEV_ENABLED;
    this.#isEnabled = true;
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  #disable(): number {
    if (!this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_DIS_DEV_EN;
    this.#isEnabled = false;
    this.#queue.disable();
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  #reset(): number {
    this.reset();
    this.#onReset();
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  #enableQueue(index: number): number {
    if (index !== 0) return dsa.IDXD_CMDSTS_INVAL_WQIDX;
    return this.#isEnabled ? this.#queue.enable() : dsa.IDXD_CMDSTS_ERR_DEV_NOTEN;
  }

  #requestHandle(operand: number): number {
    // The guest has no message store of its own.
    const isSlot = (operand & dsa.CMD_INT_HANDLE_IMS) !== 0;
    const slot = isSlot ? undefined : this.#interrupts.slotOf(operand & HANDLE);
    if (slot === undefined) return dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX;
    const handle = this.#interrupts.requestHandle(operand & HANDLE);
    return handle << dsa.IDXD_CMDSTS_RES_SHIFT;
  }

  #releaseHandle(operand: number): number {
    const isSlot = (operand & dsa.CMD_INT_HANDLE_IMS) !== 0;
    const isReleased = !isSlot && this.#interrupts.releaseHandle(operand & HANDLE);
    return isReleased ? dsa.IDXD_CMDSTS_SUCCESS : dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX_RELEASE;
  }
}
