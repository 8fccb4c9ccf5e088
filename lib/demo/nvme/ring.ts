import type { DmaBuffer, RegisterWindow } from '../../index.js';
import { CQ_ENTRY_SIZE, SQ_ENTRY_SIZE } from './registers.js';

/**
 * An NVMe command without its command identifier. The fields have the names of the NVMe
 * specification.
 */
export interface NvmeCommand {
  readonly opcode: number;
  readonly nsid?: number;
  readonly prp1?: bigint;
  readonly prp2?: bigint;
  readonly cdw10?: number;
  readonly cdw11?: number;
  readonly cdw12?: number;
}

/**
 * Receives a completion.
 *
 * @param status - 15 bits of the status field, 0 for success
 * @param result - dword 0 of the completion
 */
export type Complete = (id: number, status: number, result: number) => void;

/** Number of dwords in an entry. */
const SQ_STRIDE = SQ_ENTRY_SIZE / 4;
const CQ_STRIDE = CQ_ENTRY_SIZE / 4;
/** Number of 64-bit words in an entry. */
const SQ_STRIDE64 = SQ_ENTRY_SIZE / 8;

/**
 * A submission queue and its completion queue in memory, with their doorbells. No memory is
 * allocated when a command is submitted. The caller chooses the command identifiers. The number of
 * outstanding commands must stay below the number of entries of a ring.
 */
export class Ring {
  readonly #commands: Uint32Array;
  readonly #addresses: BigUint64Array;
  readonly #completions: Uint32Array;
  #tail = 0;
  #head = 0;
  #phase = 1;

  /**
   * @param depth - number of entries in each ring
   * @param submission - memory that is all zero, because the ring never writes the reserved fields
   *   of a command
   * @param doorbells - byte offsets of the tail and the head doorbell
   */
  constructor(
    readonly depth: number,
    readonly submission: DmaBuffer,
    readonly completion: DmaBuffer,
    readonly registers: RegisterWindow,
    readonly doorbells: { readonly tail: number; readonly head: number },
  ) {
    this.#commands = new Uint32Array(submission.buffer, 0, depth * SQ_STRIDE);
    this.#addresses = new BigUint64Array(submission.buffer, 0, depth * SQ_STRIDE64);
    this.#completions = new Uint32Array(completion.buffer, 0, depth * CQ_STRIDE);
  }

  /** Puts a command into the ring; {@link submit} notifies the controller. */
  put(id: number, command: NvmeCommand): void {
    const { opcode, nsid = 0, prp1 = 0n, prp2 = 0n, cdw10 = 0, cdw11 = 0, cdw12 = 0 } = command;
    const commands = this.#commands;
    const tail = this.#tail;
    const at = tail * SQ_STRIDE;
    commands[at] = opcode | (id << 16);
    commands[at + 1] = nsid;
    this.#addresses[tail * SQ_STRIDE64 + 3] = prp1;
    this.#addresses[tail * SQ_STRIDE64 + 4] = prp2;
    commands[at + 10] = cdw10;
    commands[at + 11] = cdw11;
    commands[at + 12] = cdw12;
    this.#tail = tail + 1 === this.depth ? 0 : tail + 1;
  }

  /** Rings the doorbell for the commands that `put()` added to the ring. */
  submit(): void {
    this.registers.write32(this.doorbells.tail, this.#tail);
  }

  /**
   * Reads the new completions.
   *
   * @returns the number of new completions
   */
  drain(complete: Complete): number {
    const completions = this.#completions;
    const count = this.#countCompletions();
    for (let n = 0; n < count; n++) {
      const at = this.#head * CQ_STRIDE;
      this.#head = this.#head + 1 === this.depth ? 0 : this.#head + 1;
      if (this.#head === 0) this.#phase ^= 1;
      const status = completions[at + 3] ?? 0;
      complete(status & 0xffff, status >>> 17, completions[at] ?? 0);
    }
    if (count > 0) this.registers.write32(this.doorbells.head, this.#head);
    return count;
  }

  /**
   * Counts the new completions. The controller can write the completion queue at any time. A plain
   * load can therefore return an old value, and the CPU can reorder plain loads. Loads after an
   * `Atomics.load` see all earlier writes of the controller. An `Atomics.load` costs a hundred
   * instructions, so this method calls `Atomics.load` only once. If the plain loads find new
   * completions, the `Atomics.load` reads the last new completion. If the plain loads find no new
   * completion, the `Atomics.load` reads the next entry of the completion queue.
   */
  #countCompletions(): number {
    const completions = this.#completions;
    let head = this.#head;
    let phase = this.#phase;
    let count = 0;
    let last = head;
    while ((((completions[head * CQ_STRIDE + 3] ?? 0) >>> 16) & 1) === phase) {
      count++;
      last = head;
      head = head + 1 === this.depth ? 0 : head + 1;
      if (head === 0) phase ^= 1;
    }
    const status = Atomics.load(completions, last * CQ_STRIDE + 3);
    if (count > 0) return count;
    return ((status >>> 16) & 1) === phase ? 1 : 0;
  }
}
