import { VfioError } from '../../lib/errors.js';

/** Records the calls of a fake object as lines of text. A test can make calls fail. */
export class Script {
  readonly calls: string[] = [];
  closed = false;
  readonly #failures: { kind: string; nth: number; error: unknown }[] = [];

  /**
   * After `nth - 1` more calls of this kind, the next call throws the error.
   */
  fail(kind: string, error: unknown = new VfioError({ code: 'EIO' }), nth = 1): void {
    this.#failures.push({ kind, nth, error });
  }

  /** Records a call, and throws if a test made the call fail. */
  enter(kind: string, ...details: unknown[]): void {
    if (this.closed) throw new Error(`'${kind}' after the connection was closed`);
    this.calls.push([kind, ...details].join(' '));
    for (const failure of this.#failures) {
      if (failure.kind === kind && --failure.nth === 0) throw failure.error;
    }
  }

  /** Returns the recorded calls and clears the record. */
  take(): string[] {
    return this.calls.splice(0);
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
