import type { DeviceHost } from '../../hardware/model.js';
import type { Command } from './command.js';
import { COMPLETION_ENTRY, SUBMISSION_ENTRY } from './limits.js';

/** A queue to which the host submits commands. */
export class SubmissionQueue {
  readonly id: number;
  /** Entries. */
  readonly size: number;
  readonly completions: CompletionQueue;
  head = 0;
  tail = 0;
  /** Number of completions of fetched commands that are not posted yet. */
  outstanding = 0;
  readonly #base: bigint;

  constructor(id: number, base: bigint, size: number, completions: CompletionQueue) {
    this.id = id;
    this.size = size;
    this.completions = completions;
    this.#base = base;
  }

  /** Fetches the next command. @returns false if there is no command @throws DmaFault */
  fetch(host: DeviceHost, command: Command): boolean {
    if (this.head === this.tail || this.outstanding === this.size) return false;
    host.dmaRead(this.#base + BigInt(this.head << SUBMISSION_ENTRY), command.bytes);
    this.head = (this.head + 1) % this.size;
    this.outstanding++;
    return true;
  }
}

/** The completion of a command. */
export interface Completion {
  readonly queue: SubmissionQueue;
  readonly commandId: number;
  readonly status: number;
  /** Dword 0. */
  readonly result: number;
}

/** A queue to which the controller posts completions. */
export class CompletionQueue {
  readonly id: number;
  /** Entries. */
  readonly size: number;
  /** Interrupt vector. The vector is null if the host polls the queue. */
  readonly vector: number | null;
  head = 0;
  readonly #base: bigint;
  readonly #entry = new Uint8Array(1 << COMPLETION_ENTRY);
  readonly #view = new DataView(this.#entry.buffer);
  /** Completions that are not posted yet, for example because the queue is full. */
  #waiting: Completion[] = [];
  #tail = 0;
  #phase = 1;

  constructor(id: number, base: bigint, size: number, vector: number | null) {
    this.id = id;
    this.size = size;
    this.vector = vector;
    this.#base = base;
  }

  /** Whether the queue has entries that the host has not read. */
  get hasUnread(): boolean {
    return this.head !== this.#tail;
  }

  push(completion: Completion): void {
    this.#waiting.push(completion);
  }

  /**
   * Posts waiting completions until the queue is full.
   *
   * @returns whether at least one completion was posted
   * @throws DmaFault
   */
  post(host: DeviceHost): boolean {
    let any = false;
    while ((this.#tail + 1) % this.size !== this.head) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      any = true;
      const { queue, commandId, status, result } = next;
      this.#view.setUint32(0, result, true);
      this.#view.setUint16(8, queue.head, true);
      this.#view.setUint16(10, queue.id, true);
      this.#view.setUint16(12, commandId, true);
      this.#view.setUint16(14, (status << 1) | this.#phase, true);
      host.dmaWrite(this.#base + BigInt(this.#tail << COMPLETION_ENTRY), this.#entry);
      queue.outstanding--;
      this.#tail = (this.#tail + 1) % this.size;
      if (this.#tail === 0) this.#phase ^= 1;
    }
    return any;
  }

  /** Drops the waiting completions for commands of a submission queue. */
  dropWaiting(queue: SubmissionQueue): void {
    this.#waiting = this.#waiting.filter((completion) => completion.queue !== queue);
  }
}
