import { VfioError } from '../../lib/errors.js';

/** What was asked of the fake, one line a call, and what shall fail. */
export class Script {
  readonly calls: string[] = [];
  closed = false;
  readonly #failures: { kind: string; nth: number; error: unknown }[] = [];

  /** The nth call of that kind from now on throws. */
  fail(kind: string, error: unknown = new VfioError({ code: 'EIO' }), nth = 1): void {
    this.#failures.push({ kind, nth, error });
  }

  enter(kind: string, ...details: unknown[]): void {
    if (this.closed) throw new Error(`'${kind}' after the connection was closed`);
    this.calls.push([kind, ...details].join(' '));
    for (const failure of this.#failures) {
      if (failure.kind === kind && --failure.nth === 0) throw failure.error;
    }
  }

  /** Forgets the calls so far, and returns them. */
  take(): string[] {
    return this.calls.splice(0);
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
