/** Fields of one line of a script, checked as they are taken. */

/** The line is no valid operation: answered with `ERR_OP`, and the run goes on. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly code = 'ERR_OP';
}

/** A number or an exact "0x…" string, as a bigint of at most 64 bits. */
function integer(value: unknown, name: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?0x[0-9a-f]{1,16}$/i.test(value)) {
    return value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
  }
  throw new OperationError(`"${name}" must be an integer or a "0x…" string`);
}

export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(line: string) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (cause) {
      throw new OperationError(`not JSON: ${(cause as Error).message}`);
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      throw new OperationError('an operation is a JSON object');
    }
    this.#values = new Map(Object.entries(parsed));
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** 64-bit value. */
  bigint(name: string): bigint {
    return integer(this.#take(name), name);
  }

  /** A value that the library takes as a number: up to 2^53. */
  number(name: string): number {
    const value = this.bigint(name);
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < 0n) {
      throw new OperationError(`"${name}" is out of range`);
    }
    return Number(value);
  }

  /** An unsigned field of 32 bits of a kernel structure. */
  u32(name: string): number {
    const value = this.number(name);
    if (value > 0xffff_ffff) throw new OperationError(`"${name}" has more than 32 bits`);
    return value;
  }

  text(name: string): string {
    const value = this.#take(name);
    if (typeof value !== 'string') throw new OperationError(`"${name}" must be a string`);
    return value;
  }

  /** Bytes in hex. */
  data(name: string): Uint8Array {
    const text = this.text(name);
    if (!/^([0-9a-f]{2})*$/i.test(text)) throw new OperationError(`"${name}" must be hex`);
    return Uint8Array.from(Buffer.from(text, 'hex'));
  }

  list(name: string): readonly unknown[] {
    const value = this.#take(name);
    if (!Array.isArray(value)) throw new OperationError(`"${name}" must be a list`);
    return value;
  }

  #take(name: string): unknown {
    if (!this.#values.has(name)) throw new OperationError(`"${name}" is missing`);
    return this.#values.get(name);
  }
}
