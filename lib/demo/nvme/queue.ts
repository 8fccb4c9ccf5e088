import { VfioError } from '../../index.js';
import type { NvmeCommand, Ring } from './ring.js';

interface Pending {
  readonly opcode: number;
  readonly resolve: (result: number) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Submits commands to a queue pair. Each command has a timeout and a promise for its completion.
 */
export class QueuePair {
  /** Number of completions so far. */
  completed = 0;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  /** The reason with which {@link abandon} has ended the queue. */
  #abandoned: Error | null = null;

  /** @param id - number of the queue; 0 is the admin queue */
  constructor(
    readonly id: number,
    readonly ring: Ring,
    readonly timeoutMs: number,
  ) {}

  /** Number of commands without a completion. */
  get outstanding(): number {
    return this.#pending.size;
  }

  /**
   * Puts a command into the ring and rings the doorbell.
   *
   * @returns dword 0 of the completion
   * @throws {@link VfioError} EIO if the command fails, ETIMEDOUT if no completion arrives, EAGAIN
   *   if the ring is full; the reason of {@link abandon}
   */
  submit(command: NvmeCommand): Promise<number> {
    if (this.#abandoned !== null) return Promise.reject(this.#abandoned);
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
   * Reads the new completions. Call `drain()` when the interrupt of the queue arrives.
   *
   * @returns the number of new completions
   */
  drain(): number {
    const count = this.ring.drain((id, status, result) => {
      this.#complete(id, status, result);
    });
    this.completed += count;
    return count;
  }

  /** Rejects all outstanding commands and all further commands. */
  abandon(reason: Error): void {
    this.#abandoned = reason;
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
    // If no interrupt arrived, the command fails, even if its completion is in memory.
    const lostInterrupt = this.drain() > 0;
    pending.reject(
      new VfioError({
        code: 'ETIMEDOUT',
        message: `no completion of command ${id} on queue ${this.id} within ${this.timeoutMs} ms`,
        hint: lostInterrupt
          ? 'Completions are in memory, but their interrupts did not arrive.'
          : undefined,
      }),
    );
  }
}
