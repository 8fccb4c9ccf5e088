import { U64_MAX } from '../checks.js';

/** Error for a missing, unknown or invalid field of a snapshot file. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/**
 * An unchecked value from a snapshot file. Error messages contain the path of the value in the
 * file, for example `regions[2].size`.
 */
export class Field {
  readonly #value: unknown;
  readonly #place: string;

  constructor(value: unknown, place = '') {
    this.#value = value;
    this.#place = place;
  }

  refuse(what: string): never {
    throw new SnapshotError(`${this.#place === '' ? 'the file' : this.#place} ${what}`);
  }

  /**
   * Returns the fields of an object. All fields of the object must be listed in `names`. A name
   * that ends with `?` is an optional field.
   */
  object<K extends string>(...names: readonly (K | `${K}?`)[]): Record<K, Field> {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.refuse('must be an object');
    }
    const known = names.map((name) => name.replace(/\?$/, ''));
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    if (unknown !== undefined) this.refuse(`has an unknown field '${unknown}'`);
    const missing = names.find((name) => !name.endsWith('?') && !Object.hasOwn(value, name));
    if (missing !== undefined) this.refuse(`has no '${missing}'`);
    const fields = known.map((name) => {
      const item = (value as Record<string, unknown>)[name];
      return [name, new Field(item, this.#place === '' ? name : `${this.#place}.${name}`)];
    });
    return Object.fromEntries(fields) as Record<K, Field>;
  }

  get isGiven(): boolean {
    return this.#value !== undefined;
  }

  /** @param max - the maximum number of elements */
  list(max: number): Field[] {
    const value = this.#value;
    if (!Array.isArray(value)) this.refuse('must be a list');
    if (value.length > max) this.refuse(`has ${value.length} elements, but the maximum is ${max}`);
    return value.map((item: unknown, i) => new Field(item, `${this.#place}[${i}]`));
  }

  text(): string {
    if (typeof this.#value !== 'string') return this.refuse('must be a string');
    return this.#value;
  }

  boolean(): boolean {
    if (typeof this.#value !== 'boolean') return this.refuse('must be true or false');
    return this.#value;
  }

  choice<T extends string>(choices: readonly T[]): T {
    const chosen = choices.find((one) => one === this.#value);
    return chosen ?? this.refuse(`must be ${choices.join(' or ')}`);
  }

  /** Returns the value of a field that is a number or a `"0x…"` string. */
  integer(max: number, min = 0): number {
    const value = this.bigint();
    if (value < BigInt(min) || value > BigInt(max)) {
      this.refuse(`must be from ${min} to ${max}, not ${value}`);
    }
    return Number(value);
  }

  bigint(): bigint {
    const value = this.#value;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
      return BigInt(value);
    }
    const isHex = typeof value === 'string' && /^0x[0-9a-f]{1,16}$/i.test(value);
    const parsed = isHex ? BigInt(value) : U64_MAX + 1n;
    return parsed <= U64_MAX ? parsed : this.refuse('must be an integer or a "0x…" string');
  }

  /** Reads a list of flag names and returns the flags as a bit mask. */
  flags(names: readonly string[]): number {
    let flags = 0;
    for (const field of this.list(names.length)) flags |= 1 << names.indexOf(field.choice(names));
    return flags >>> 0;
  }
}
