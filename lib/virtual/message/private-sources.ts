import {
  checkArray,
  checkChoice,
  checkInstance,
  checkInteger,
  checkOptions,
} from '../../checks.js';
import type { PciDevice } from '../../device/device.js';
import type { Vector, VectorIndex, VectorOptions } from '../../device/index.js';
import type { MessageIndex } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import { checkDevice } from './checks.js';
import { MessageStore } from './store.js';

/** Vectors of the device that are reserved for its private interrupt sources. */
export interface SpareVectors {
  readonly index: MessageIndex;
  /** Numbers of the vectors. */
  readonly vectors: readonly number[];
}

/** Options of {@link PrivateSources}. */
export interface PrivateSourcesOptions {
  /**
   * The message store of the private interrupt sources. Entry n contains the message of source n.
   */
  readonly store: MessageStore;
  /**
   * Spare vectors of the device, one for each source. If the kernel driver has no interrupt index
   * for the sources, the spare vectors are needed.
   */
  readonly spare: SpareVectors;
}

/**
 * Private interrupt sources of a device, each with a vector of its own. Each source sends a message
 * of its own, so a handler knows which source has fired. Each source can be masked and moved to
 * another CPU independently.
 *
 * There are two methods to request the vector of a source. The method `'set-irqs'` needs a kernel
 * driver with an interrupt index for the sources. SET_IRQS requests the vector, and the kernel
 * programs the device. With the method `'message'`, the library requests a spare vector of the
 * device, and writes the message of the spare vector to the device.
 *
 * @example
 * const sources = new PrivateSources(device, { store, spare: { index: 'msi', vectors: [16, 17] } });
 * const vector = sources.request(0);
 * vector.on('interrupt', () => { console.log('ring 0'); });
 */
export class PrivateSources {
  /** The method that requests the vectors of the sources. */
  readonly method: 'set-irqs' | 'message';
  /** The largest number of sources that can be in use at the same time. */
  readonly count: number;
  readonly #device: PciDevice;
  readonly #store: MessageStore;
  readonly #own: VectorIndex | undefined;
  readonly #spare: SpareVectors;
  readonly #used = new Map<number, Vector>();

  /** @throws TypeError or RangeError for a wrong option */
  constructor(device: PciDevice, options: PrivateSourcesOptions) {
    checkDevice(device);
    checkOptions(options, ['store', 'spare']);
    const { store, spare } = options;
    checkInstance(store, 'store', MessageStore);
    checkOptions(spare, ['index', 'vectors'], 'spare');
    checkArray(spare.vectors, 'spare.vectors');
    this.#device = device;
    this.#store = store;
    checkChoice(spare.index, 'spare.index', ['msi', 'msix']);
    this.#spare = { index: spare.index, vectors: [...new Set(spare.vectors)] };
    this.#own = device.interrupts.deviceSpecific[0];
    this.method = this.#own === undefined ? 'message' : 'set-irqs';
    for (const vector of spare.vectors) {
      checkInteger(vector, 'spare vector', 0, device.interrupts[spare.index].count - 1);
    }
    this.count = this.#own?.count ?? Math.min(this.#spare.vectors.length, store.entries);
  }

  /**
   * Requests a vector for a source and enables the source. `close()` of the vector disables the
   * source and releases the vector.
   *
   * @param source - number of the source, less than the number of entries of the store
   * @throws {@link VfioError} EBUSY if the source has a vector already; ENOSPC if no spare vector
   *   is left; the errors of `VectorIndex.request` and `MessageStore.fill`
   */
  request(source: number, options: VectorOptions = {}): Vector {
    if (this.#own !== undefined) return this.#own.request(source, options);
    checkInteger(source, 'source', 0, this.#store.entries - 1);
    if (this.vector(source) !== undefined)
      throw this.#error('EBUSY', `source ${source} has a vector already`);
    const { index, vectors } = this.#spare;
    const interrupts = this.#device.interrupts[index];
    const free = vectors.find((vector) => interrupts.vector(vector) === undefined);
    if (free === undefined) {
      throw this.#error('ENOSPC', `all ${vectors.length} spare vectors are in use`);
    }
    // MSI is enabled in one block, which must contain the highest spare vector.
    if (!interrupts.active) interrupts.enable({ vectors: Math.max(...vectors) + 1 });
    const vector = interrupts.request(free, options);
    try {
      this.#store.fill(source, { index, vector: free });
    } catch (error) {
      vector.close();
      throw error;
    }
    this.#used.set(source, vector);
    return vector;
  }

  /** Returns the vector of a source, or undefined if no vector was requested for the source. */
  vector(source: number): Vector | undefined {
    const vector = this.#own?.vector(source) ?? this.#used.get(source);
    return vector?.closed === false ? vector : undefined;
  }

  #error(code: string, message: string): VfioError {
    return new VfioError({ code, message, path: this.#device.name });
  }
}
