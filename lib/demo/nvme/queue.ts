import { type DmaBuffer, type RegisterWindow, VfioError } from '../../index.js';
import { CQ_ENTRY_SIZE, SQ_ENTRY_SIZE } from './registers.js';

/** A command before it has an identifier; 32-bit fields as in the specification. */
export interface NvmeCommand {
  readonly opcode: number;
  readonly nsid?: number;
  readonly prp1?: bigint;
  readonly prp2?: bigint;
  readonly cdw10?: number;
  readonly cdw11?: number;
  readonly cdw12?: number;
}

interface Pending {
  readonly opcode: number;
  readonly resolve: (result: number) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Dwords per entry. */
const SQ_STRIDE = SQ_ENTRY_SIZE / 4;
const CQ_STRIDE = CQ_ENTRY_SIZE / 4;

/** A submission queue and the completion queue that answers it. */
export class QueuePair {
  /** Completions taken, for the demo's report. */
  completed = 0;
  readonly #submission: Uint32Array;
  readonly #completion: Uint32Array;
  readonly #pending = new Map<number, Pending>();
  #tail = 0;
  #head = 0;
  #phase = 1;
  #nextId = 0;

  /**
   * @param id - 0 is the admin queue
   * @param depth - entries of each ring
   * @param doorbells - byte offsets of the tail and the head doorbell
   */
  constructor(
    readonly id: number,
    readonly depth: number,
    readonly submissionRing: DmaBuffer,
    readonly completionRing: DmaBuffer,
    readonly registers: RegisterWindow,
    readonly doorbells: { readonly tail: number; readonly head: number },
    readonly timeoutMs: number,
  ) {
    this.#submission = new Uint32Array(submissionRing.buffer, 0, depth * SQ_STRIDE);
    this.#completion = new Uint32Array(completionRing.buffer, 0, depth * CQ_STRIDE);
  }

  /**
   * Puts a command into the ring and rings the doorbell.
   * @returns dword 0 of the completion
   * @throws {@link VfioError} EIO for a status other than success, ETIMEDOUT if none comes,
   *   EAGAIN if the ring is full
   */
  submit(command: NvmeCommand): Promise<number> {
    if (this.#pending.size >= this.depth - 1) {
      throw new VfioError({ code: 'EAGAIN', message: `submission queue ${this.id} is full` });
    }
    while (this.#pending.has(this.#nextId)) this.#nextId = (this.#nextId + 1) & 0xffff;
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    this.#write(command, id);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#timeOut(id);
      }, this.timeoutMs);
      this.#pending.set(id, { opcode: command.opcode, resolve, reject, timer });
      this.#tail = (this.#tail + 1) % this.depth;
      this.registers.write32(this.doorbells.tail, this.#tail);
    });
  }

  /**
   * Takes the completions that are there. Call it when the queue's interrupt arrived.
   * @returns how many there were
   */
  drain(): number {
    let taken = 0;
    for (;;) {
      const at = this.#head * CQ_STRIDE;
      // The controller writes this memory: Atomics.load is read from it at each turn.
      const status = Atomics.load(this.#completion, at + 3);
      if (((status >>> 16) & 1) !== this.#phase) break;
      const result = Atomics.load(this.#completion, at);
      this.#head = (this.#head + 1) % this.depth;
      if (this.#head === 0) this.#phase ^= 1;
      taken += 1;
      this.#complete(status & 0xffff, status >>> 17, result);
    }
    if (taken > 0) this.registers.write32(this.doorbells.head, this.#head);
    this.completed += taken;
    return taken;
  }

  /** Gives up what is still outstanding. */
  abandon(reason: Error): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#pending.clear();
  }

  #write(command: NvmeCommand, id: number): void {
    const { opcode, nsid = 0, prp1 = 0n, prp2 = 0n, cdw10 = 0, cdw11 = 0, cdw12 = 0 } = command;
    const entry = this.#submission.subarray(this.#tail * SQ_STRIDE, (this.#tail + 1) * SQ_STRIDE);
    entry.fill(0);
    entry[0] = opcode | (id << 16);
    entry[1] = nsid;
    entry[6] = Number(prp1 & 0xffff_ffffn);
    entry[7] = Number(prp1 >> 32n);
    entry[8] = Number(prp2 & 0xffff_ffffn);
    entry[9] = Number(prp2 >> 32n);
    entry[10] = cdw10;
    entry[11] = cdw11;
    entry[12] = cdw12;
  }

  #complete(id: number, status: number, result: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (status === 0) {
      pending.resolve(result);
      return;
    }
    const type = (status >>> 8) & 7;
    const code = status & 0xff;
    const name = `command 0x${pending.opcode.toString(16)} on queue ${this.id}`;
    pending.reject(
      new VfioError({
        code: 'EIO',
        message: `${name} failed with status type ${type}, code 0x${code.toString(16)}`,
      }),
    );
  }

  #timeOut(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    // Taken only now: a completion that lay in memory without an interrupt is a failure too.
    const lost = this.drain() > 0;
    pending.reject(
      new VfioError({
        code: 'ETIMEDOUT',
        message: `no completion of command ${id} on queue ${this.id} in ${this.timeoutMs} ms`,
        hint: lost ? 'Completions lay in memory: their interrupts did not arrive.' : undefined,
      }),
    );
  }
}
