import { CompletionQueue, SubmissionQueue } from './queues.js';

/** The queues of a controller, by queue id. Queue id 0 means the admin queues. */
export class QueueSet {
  readonly #submission = new Map<number, SubmissionQueue>();
  readonly #completion = new Map<number, CompletionQueue>();
  readonly #onDelete: (queue: CompletionQueue) => void;
  #created = false;

  /** @param onDelete - called for each completion queue that is deleted */
  constructor(onDelete: (queue: CompletionQueue) => void) {
    this.#onDelete = onDelete;
  }

  /** Whether an I/O queue was created since the controller was enabled. */
  get created(): boolean {
    return this.#created;
  }

  submission(id: number): SubmissionQueue | undefined {
    return this.#submission.get(id);
  }

  completion(id: number): CompletionQueue | undefined {
    return this.#completion.get(id);
  }

  /** Returns all submission queues that use a completion queue. */
  users(completions: CompletionQueue): SubmissionQueue[] {
    return [...this.#submission.values()].filter((queue) => queue.completions === completions);
  }

  isInUse(completionId: number): boolean {
    const queue = this.#completion.get(completionId);
    return queue !== undefined && this.users(queue).length > 0;
  }

  /** Whether a completion queue with the given vector has entries that the host has not read. */
  hasUnread(vector: number): boolean {
    const queues = [...this.#completion.values()];
    return queues.some((queue) => queue.vector === vector && queue.hasUnread);
  }

  createAdmin(submission: bigint, entries: number, completion: bigint, completions: number): void {
    this.#completion.set(0, new CompletionQueue(0, completion, completions, 0));
    this.createSubmission(0, submission, entries, 0);
  }

  createCompletion(id: number, base: bigint, size: number, vector: number | null): void {
    this.#completion.set(id, new CompletionQueue(id, base, size, vector));
    this.#created = true;
  }

  createSubmission(id: number, base: bigint, size: number, completionId: number): void {
    const completions = this.#completion.get(completionId);
    if (completions === undefined) return;
    this.#submission.set(id, new SubmissionQueue(id, base, size, completions));
  }

  /** Deletes a submission queue. @returns false if the queue does not exist */
  deleteSubmission(id: number): boolean {
    const queue = this.#submission.get(id);
    if (queue === undefined) return false;
    queue.completions.dropWaiting(queue);
    return this.#submission.delete(id);
  }

  deleteCompletion(id: number): void {
    const queue = this.#completion.get(id);
    this.#completion.delete(id);
    if (queue !== undefined) this.#onDelete(queue);
  }

  reset(): void {
    this.#submission.clear();
    this.#completion.clear();
    this.#created = false;
  }
}
