import { checkBoolean, checkChoice, checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { VectorSource } from '../vectors/source.js';
import { Backing, type SourceTable } from './backing.js';
import { defaultFlow, FLOW_NAMES, type FlowName, FLOWS } from './flows.js';

/** A source and the range of vectors that the source is attached to. */
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

/** The sources of a table. Finds the source of each vector. */
export class Sources {
  readonly #table: SourceTable;
  readonly #backings: Backing[] = [];
  /** For each vector, the index of its source in `#backings`. */
  readonly #index: Uint8Array;
  /** Vectors that are reserved for their source: emulated vectors, and vectors with a cookie. */
  readonly #claimed: Uint8Array;

  constructor(vectors: number, table: SourceTable) {
    this.#table = table;
    this.#index = new Uint8Array(vectors).fill(UNBACKED);
    this.#claimed = new Uint8Array(vectors);
  }

  get all(): readonly Backing[] {
    return this.#backings;
  }

  backing(vector: number): Backing | undefined {
    return this.#backings[this.#index[vector] ?? UNBACKED];
  }

  claim(vector: number): void {
    this.#claimed[vector] = 1;
  }

  /**
   * Attaches a source to a range of vectors.
   * @throws TypeError, RangeError, or {@link VfioError} EBUSY, EINVAL, ENOTSUP or ENOSPC. If the
   *   call fails, the table is not changed.
   */
  attach(attachment: Attachment): Backing {
    const { source, first, count, base, claim, flow } = attachment;
    checkBoolean(claim, 'claim');
    if (flow !== undefined) checkChoice(flow, 'flow', FLOW_NAMES);
    checkInteger(base, 'base', 0, source.count - 1);
    checkInteger(first, 'first', 0, this.#index.length - 1);
    checkInteger(count, 'count', 1, Math.min(this.#index.length - first, source.count - base));
    const end = first + count;
    const known = this.#backings.find((backing) => backing.source === source);
    for (let vector = first; vector < end; vector++) {
      const own = known !== undefined && this.backing(vector) === known;
      if (!own && this.#claimed[vector] === 0 && this.#table.isIdle(vector)) continue;
      throw new VfioError({ code: 'EBUSY', message: `vector ${vector} of the table is in use` });
    }
    if (known !== undefined && known.offset !== first - base) {
      throw new VfioError({
        code: 'EINVAL',
        message: `first - base is ${first - base}, but must be ${known.offset} for this source`,
      });
    }
    const backing = known ?? this.#adopt(attachment);
    this.#index.fill(this.#backings.indexOf(backing), first, end);
    if (claim) this.#claimed.fill(1, first, end);
    return backing;
  }

  #adopt({ source, first, base, flow: name }: Attachment): Backing {
    if (name === 'dynamic' && !source.growable) {
      throw new VfioError({
        code: 'ENOTSUP',
        message: `the flow 'dynamic' needs a source that can grow; '${source.name}' cannot grow`,
      });
    }
    if (this.#backings.length === BACKINGS_MAX) {
      throw new VfioError({
        code: 'ENOSPC',
        message: `the table already has the maximum of ${BACKINGS_MAX} sources`,
      });
    }
    const flow = name === undefined ? defaultFlow(source) : FLOWS[name];
    const backing = new Backing(source, first - base, flow, this.#table);
    source.connect(backing);
    this.#backings.push(backing);
    return backing;
  }
}
