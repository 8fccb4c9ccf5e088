import { VfioError } from '../../errors.js';
import { checkInteger } from '../../checks.js';
import type { Fate, VectorSink, VectorSource, VectorTable } from './source.js';

/**
 * Vectors that the program signals: for what a virtual device does in software.
 *
 * @example
 * const software = new SoftwareSource(msix);
 * software.emulate(0, 1);
 * software.sendSignal(0);
 */
export class SoftwareSource implements VectorSource {
  readonly name = 'software';
  readonly growable = true;
  readonly count: number;
  readonly #table: VectorTable;
  readonly #emulated: Uint8Array;
  #sink: VectorSink | null = null;

  constructor(table: VectorTable) {
    this.#table = table;
    this.count = table.vectors;
    this.#emulated = new Uint8Array(table.vectors);
  }

  /**
   * Marks vectors as emulated: all of them, or none if it fails.
   *
   * @throws {@link VfioError} EBUSY if one of them is in use: allocated or requested from another
   *   source, with a cookie set, or emulated already
   */
  emulate(first: number, count: number): void {
    this.#table.attach(this, { first, count, base: first, claim: true });
    this.#emulated.fill(1, first, first + count);
  }

  /** Whether the vector is emulated. */
  emulates(vector: number): boolean {
    return this.#emulated[vector] === 1;
  }

  /**
   * Signals a vector to its consumer.
   * @throws {@link VfioError} EINVAL if the vector is not emulated
   */
  sendSignal(vector: number): Fate {
    if (this.#sink === null || this.#emulated[vector] !== 1) throw this.#notEmulated(vector);
    return this.#sink.fire(vector);
  }

  /**
   * Signals several vectors, as {@link sendSignal} each.
   *
   * @returns how many were delivered now
   * @throws {@link VfioError} EINVAL if one of them is not emulated: then none is signalled
   */
  sendSignals(vectors: Uint32Array | readonly number[]): number {
    for (const vector of vectors) {
      if (this.#emulated[vector] !== 1) throw this.#notEmulated(vector);
    }
    let delivered = 0;
    for (const vector of vectors) if (this.#sink?.fire(vector) === 'delivered') delivered++;
    return delivered;
  }

  /** The cause of the vector is gone: what is pending for it is not delivered any more. */
  withdraw(vector: number): void {
    if (this.#sink === null || this.#emulated[vector] !== 1) throw this.#notEmulated(vector);
    this.#sink.withdraw(vector);
  }

  /** {@inheritDoc VectorSource.connect} */
  connect(sink: VectorSink): void {
    this.#sink = sink;
  }

  /** {@inheritDoc VectorSource.allocate} */
  allocate(): void {
    return;
  }

  /** {@inheritDoc VectorSource.request} */
  request(): void {
    return;
  }

  /** {@inheritDoc VectorSource.hold} */
  hold(): void {
    return;
  }

  /** {@inheritDoc VectorSource.release} */
  release(): void {
    return;
  }

  /** @throws {@link VfioError} EINVAL: an emulated vector has no cookie */
  setCookie(vector: number): void {
    throw new VfioError({ code: 'EINVAL', message: `vector ${vector} is emulated: no cookie` });
  }

  /** {@inheritDoc VectorSource.disable} */
  disable(): void {
    return;
  }

  #notEmulated(vector: number): VfioError {
    checkInteger(vector, 'vector', 0, this.count - 1);
    return new VfioError({ code: 'EINVAL', message: `vector ${vector} is not emulated` });
  }
}
