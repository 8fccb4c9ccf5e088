const U32_MAX = 0xffff_ffff;
const U64_MAX = 2n ** 64n - 1n;

/**
 * Error for a line that is not a valid operation. The answer to this line has the code `ERR_OP`,
 * and the run continues with the next line.
 */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly code = 'ERR_OP';
}

/** Parses an integer. A "0x…" string is exact even above 2^53. */
function parseInteger(value: unknown, name: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value)) return BigInt(value);
  throw new OperationError(`"${name}" must be an integer or a "0x…" string`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The fields of one line of a script. If a field is missing or has a wrong type, the method that
 * reads the field throws an `OperationError`.
 */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(line: string) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (cause) {
      throw new OperationError(`the line is not JSON: ${(cause as Error).message}`);
    }
    if (!isObject(parsed)) throw new OperationError('an operation must be a JSON object');
    this.#values = new Map(Object.entries(parsed));
  }

  /** Refuses unknown fields, because a misspelled field would otherwise have no effect. */
  allowOnly(names: readonly string[]): void {
    for (const name of this.#values.keys()) {
      if (!names.includes(name)) {
        throw new OperationError(`unknown field "${name}"; known: ${names.join(', ')}`);
      }
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Reads an unsigned value of 64 bits. */
  bigint(name: string): bigint {
    return this.#getInteger(name, U64_MAX);
  }

  /** Reads an unsigned value below 2^53. */
  number(name: string): number {
    return Number(this.#getInteger(name, BigInt(Number.MAX_SAFE_INTEGER)));
  }

  /** Reads an unsigned value of 32 bits. */
  u32(name: string): number {
    return Number(this.#getInteger(name, BigInt(U32_MAX)));
  }

  text(name: string): string {
    const value = this.#get(name);
    if (typeof value !== 'string') throw new OperationError(`"${name}" must be a string`);
    return value;
  }

  /** Reads bytes from a string of hex digits. */
  data(name: string): Uint8Array {
    const text = this.text(name);
    if (text.length % 2 !== 0 || /[^0-9a-f]/i.test(text))
      throw new OperationError(`"${name}" must consist of pairs of hex digits`);
    return Uint8Array.from(Buffer.from(text, 'hex'));
  }

  /** Reads a mark: a field that is missing, or has the value true. */
  mark(name: string): boolean {
    if (!this.has(name)) return false;
    if (this.#get(name) !== true) throw new OperationError(`"${name}" must be true`);
    return true;
  }

  list(name: string): readonly unknown[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) throw new OperationError(`"${name}" must be a list`);
    return value;
  }

  object(name: string): Readonly<Record<string, unknown>> {
    const value = this.#get(name);
    if (!isObject(value)) throw new OperationError(`"${name}" must be an object`);
    return value;
  }

  #getInteger(name: string, limit: bigint): bigint {
    const value = parseInteger(this.#get(name), name);
    if (value < 0n || value > limit) {
      throw new OperationError(`"${name}" must be from 0 to 0x${limit.toString(16)}`);
    }
    return value;
  }

  #get(name: string): unknown {
    if (!this.#values.has(name)) throw new OperationError(`"${name}" is missing`);
    return this.#values.get(name);
  }
}
