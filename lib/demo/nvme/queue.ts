import { VfioError } from '../../index.js';
import type { NvmeCommand, Ring } from './ring.js';

interface Pending {
  readonly opcode: number;
  readonly resolve: (result: number) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Commands with promises of their completions, and a time limit for each. */
export class QueuePair {
  /** Completions taken, for the demo's report. */
  completed = 0;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;

  /** @param id - 0 is the admin queue */
  constructor(
    readonly id: number,
    readonly ring: Ring,
    readonly timeoutMs: number,
  ) {}

  /** Commands without a completion yet. */
  get outstanding(): number {
    return this.#pending.size;
  }

  /**
   * Puts a command into the ring and rings the doorbell.
   * @returns dword 0 of the completion
   * @throws {@link VfioError} EIO for a status other than success, ETIMEDOUT if none comes,
   *   EAGAIN if the ring is full
   */
  submit(command: NvmeCommand): Promise<number> {
    if (this.#pending.size >= this.ring.depth - 1) {
      throw new VfioError({ code: 'EAGAIN', message: `submission queue ${this.id} is full` });
    }
    while (this.#pending.has(this.#nextId)) this.#nextId = (this.#nextId + 1) & 0xffff;
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    this.ring.put(id, command);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#timeOut(id);
      }, this.timeoutMs);
      this.#pending.set(id, { opcode: command.opcode, resolve, reject, timer });
      this.ring.submit();
    });
  }

  /**
   * Takes the completions that are there. Call it when the queue's interrupt arrived.
   * @returns how many there were
   */
  drain(): number {
    const taken = this.ring.drain((id, status, result) => {
      this.#complete(id, status, result);
    });
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
