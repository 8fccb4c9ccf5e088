import { checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { VectorSource } from '../vectors/source.js';
import { Backing, type SourceTable } from './backing.js';
import { defaultFlow, type FlowName, FLOWS } from './flows.js';

/** A source and the vectors it is put behind. */
export interface Attachment {
  readonly source: VectorSource;
  readonly first: number;
  readonly count: number;
  readonly base: number;
  readonly claim: boolean;
  readonly flow: FlowName | undefined;
}

const UNBACKED = 0xff;
const BACKINGS_MAX = UNBACKED;

/** Which source stands behind which vector of a table. */
export class Sources {
  readonly #table: SourceTable;
  readonly #backings: Backing[] = [];
  /** Index in `#backings`, by vector. */
  readonly #index: Uint8Array;
  /** Vectors that are not free for another source: emulated, or with a cookie. */
  readonly #claimed: Uint8Array;

  constructor(vectors: number, table: SourceTable) {
    this.#table = table;
    this.#index = new Uint8Array(vectors).fill(UNBACKED);
    this.#claimed = new Uint8Array(vectors);
  }

  get all(): readonly Backing[] {
    return this.#backings;
  }

  of(vector: number): Backing | undefined {
    return this.#backings[this.#index[vector] ?? UNBACKED];
  }

  claim(vector: number): void {
    this.#claimed[vector] = 1;
  }

  /** @throws RangeError, or {@link VfioError} EBUSY, EINVAL, ENOTSUP, ENOSPC; then nothing is changed */
  attach(attachment: Attachment): Backing {
    const { source, first, count, base, claim } = attachment;
    checkInteger(base, 'base', 0, source.count - 1);
    checkInteger(first, 'first', 0, this.#index.length - 1);
    checkInteger(count, 'count', 1, Math.min(this.#index.length - first, source.count - base));
    const end = first + count;
    const known = this.#backings.find((backing) => backing.source === source);
    for (let vector = first; vector < end; vector++) {
      const own = known !== undefined && this.of(vector) === known;
      if (!own && this.#claimed[vector] === 0 && this.#table.isIdle(vector)) continue;
      throw new VfioError({ code: 'EBUSY', message: `vector ${vector} is in use` });
    }
    if (known !== undefined && known.offset !== first - base) {
      throw new VfioError({ code: 'EINVAL', message: 'the source has another place in the table' });
    }
    const backing = known ?? this.#adopt(attachment);
    this.#index.fill(this.#backings.indexOf(backing), first, end);
    if (claim) this.#claimed.fill(1, first, end);
    return backing;
  }

  #adopt({ source, first, base, flow: name }: Attachment): Backing {
    if (name === 'dynamic' && !source.growable) {
      throw new VfioError({ code: 'ENOTSUP', message: `the source '${source.name}' cannot grow` });
    }
    if (this.#backings.length === BACKINGS_MAX) {
      throw new VfioError({
        code: 'ENOSPC',
        message: `a table has ${BACKINGS_MAX} sources at most`,
      });
    }
    const flow = name === undefined ? defaultFlow(source) : FLOWS[name];
    const backing = new Backing(source, first - base, flow, this.#table);
    source.connect(backing);
    this.#backings.push(backing);
    return backing;
  }
}
