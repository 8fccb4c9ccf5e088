const LARGEST = 2n ** 64n - 1n;

/** Something in the file is not as it must be. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/** A value of a file that nobody has checked, with its place in it for errors. */
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

  /** The fields of an object that has these and no others; optional ones end with `?`. */
  object<K extends string>(...names: readonly (K | `${K}?`)[]): Record<K, Field> {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.refuse('must be an object');
    }
    const known = names.map((name) => name.replace(/\?$/, ''));
    const stranger = Object.keys(value).find((key) => !known.includes(key));
    if (stranger !== undefined) this.refuse(`has a field '${stranger}', which is not known`);
    const missing = names.find((name) => !name.endsWith('?') && !Object.hasOwn(value, name));
    if (missing !== undefined) this.refuse(`has no '${missing}'`);
    const fields = known.map((name) => {
      const item = (value as Record<string, unknown>)[name];
      return [name, new Field(item, this.#place === '' ? name : `${this.#place}.${name}`)];
    });
    return Object.fromEntries(fields) as Record<K, Field>;
  }

  get given(): boolean {
    return this.#value !== undefined;
  }

  /** @param most - elements there can be */
  list(most: number): Field[] {
    const value = this.#value;
    if (!Array.isArray(value)) this.refuse('must be a list');
    if (value.length > most) this.refuse(`has ${value.length} elements, which are too many`);
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

  /** A number, or a `"0x…"` string. */
  integer(most: number, least = 0): number {
    const value = this.bigint();
    if (value < BigInt(least) || value > BigInt(most)) {
      this.refuse(`must be from ${least} to ${most}`);
    }
    return Number(value);
  }

  bigint(): bigint {
    const value = this.#value;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
      return BigInt(value);
    }
    const isHex = typeof value === 'string' && /^0x[0-9a-f]{1,16}$/i.test(value);
    const parsed = isHex ? BigInt(value) : LARGEST + 1n;
    return parsed <= LARGEST ? parsed : this.refuse('must be an integer or a "0x…" string');
  }

  /** Bits by their names. */
  flags(names: readonly string[]): number {
    let flags = 0;
    for (const field of this.list(names.length)) flags |= 1 << names.indexOf(field.choice(names));
    return flags >>> 0;
  }
}
