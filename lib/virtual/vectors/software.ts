import { VfioError } from '../../errors.js';
import { checkArray, checkInteger, checkMethods } from '../../checks.js';
import { checkSink } from './arguments.js';
import type { SignalOutcome, VectorSink, VectorSource, VectorTable } from './source.js';

/**
 * Vectors that the program itself signals, for the parts of a virtual device that run in software.
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
    checkMethods(table, 'table', 'VectorTable', ['attach']);
    checkInteger(table.vectors, 'table.vectors', 1, 2048);
    this.#table = table;
    this.count = table.vectors;
    this.#emulated = new Uint8Array(table.vectors);
  }

  /**
   * Marks vectors as emulated. If the call fails, no vector is marked.
   *
   * @throws TypeError or RangeError if the table does not have the vectors
   * @throws {@link VfioError} EBUSY if one of the vectors is in use: another source has allocated
   *   or requested the vector, a cookie is set, or the vector is emulated already
   */
  emulate(first: number, count: number): void {
    checkInteger(first, 'first', 0, this.count - 1);
    checkInteger(count, 'count', 1, this.count - first);
    this.#table.attach(this, { first, count, base: first, claim: true });
    this.#emulated.fill(1, first, first + count);
  }

  /** Whether a vector is emulated. */
  emulates(vector: number): boolean {
    checkInteger(vector, 'vector', 0, this.count - 1);
    return this.#isEmulated(vector);
  }

  /**
   * Sends a signal to the consumer of a vector.
   * @throws {@link VfioError} EINVAL if the vector is not emulated, or if the guest has enabled
   *   fewer vectors of MSI
   */
  sendSignal(vector: number): SignalOutcome {
    const sink = this.#sink;
    if (sink === null || !this.#isEmulated(vector) || vector >= sink.limit) {
      throw this.#refusal(vector);
    }
    return sink.fire(vector);
  }

  /**
   * Sends a signal to the consumer of each vector.
   *
   * @returns the number of signals that were delivered immediately
   * @throws {@link VfioError} EINVAL if one of the vectors is not emulated, or if the guest has
   *   enabled fewer vectors of MSI; no vector is then signalled
   */
  sendSignals(vectors: Uint32Array | readonly number[]): number {
    if (!(vectors instanceof Uint32Array)) checkArray(vectors, 'vectors');
    const limit = this.#sink?.limit ?? 0;
    for (const vector of vectors) {
      if (!this.#isEmulated(vector) || vector >= limit) throw this.#refusal(vector);
    }
    let delivered = 0;
    for (const vector of vectors) if (this.#sink?.fire(vector) === 'delivered') delivered++;
    return delivered;
  }

  /**
   * Clears the pending bit of a vector without delivering the interrupt. Call this method after the
   * cause of the interrupt is gone.
   */
  withdraw(vector: number): void {
    if (this.#sink === null || !this.#isEmulated(vector)) throw this.#refusal(vector);
    this.#sink.withdraw(vector);
  }

  /** {@inheritDoc VectorSource.connect} */
  connect(sink: VectorSink): void {
    checkSink(sink, this.#sink);
    this.#sink = sink;
  }

  /** {@inheritDoc VectorSource.allocate} */
  allocate(count: number): void {
    checkInteger(count, 'count', 1, this.count);
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

  /**
   * Always fails: emulated vectors have no cookie.
   * @throws {@link VfioError} EINVAL
   */
  setCookie(vector: number): void {
    checkInteger(vector, 'vector', 0, this.count - 1);
    throw new VfioError({
      code: 'EINVAL',
      message: `vector ${vector} is emulated and has no cookie`,
    });
  }

  /** {@inheritDoc VectorSource.disable} */
  disable(): void {
    return;
  }

  #isEmulated(vector: number): boolean {
    return typeof vector === 'number' && this.#emulated[vector] === 1;
  }

  #refusal(vector: number): VfioError {
    checkInteger(vector, 'vector', 0, this.count - 1);
    const enabled = this.#sink?.limit ?? 0;
    const message = this.#isEmulated(vector)
      ? `vector ${vector} is not enabled: the guest has enabled ${enabled} vectors`
      : `vector ${vector} is not emulated`;
    return new VfioError({ code: 'EINVAL', message });
  }
}
