import { checkChoice, checkInteger } from '../../checks.js';
import type { PciDevice } from '../../device/device.js';
import type { Vector, VectorIndex, VectorOptions } from '../../device/index.js';
import type { MessageIndex } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import type { MessageStore } from './store.js';

/** Vectors of the device that nothing else uses. */
export interface SpareVectors {
  readonly index: MessageIndex;
  readonly vectors: readonly number[];
}

/** What {@link PrivateSources} are served by. */
export interface PrivateSourcesOptions {
  /** Where the device keeps the messages of its private sources: entry n is source n. */
  readonly store: MessageStore;
  /** What sources are given, one each, where the kernel has no interrupts for them. */
  readonly spare: SpareVectors;
}

/**
 * Private interrupt sources of a device, each with a vector of its own: no message of the MSI table
 * is used twice, so a source can be told from the others, moved to another CPU and masked alone.
 *
 * Where the kernel's driver for the device has an interrupt index for them (`'set-irqs'`), SET_IRQS
 * gives the vector and the kernel programs the device. Elsewhere (`'message'`) a source gets a spare
 * vector of the device, and the library writes its message.
 *
 * @example
 * const sources = new PrivateSources(device, { store, spare: { index: 'msi', vectors: [16, 17] } });
 * const vector = sources.request(0);
 * vector.on('interrupt', () => { console.log('ring 0'); });
 */
export class PrivateSources {
  readonly road: 'set-irqs' | 'message';
  /** Sources that can be in use at once. */
  readonly count: number;
  readonly #device: PciDevice;
  readonly #store: MessageStore;
  readonly #own: VectorIndex | undefined;
  readonly #spare: SpareVectors;
  readonly #used = new Map<number, Vector>();

  constructor(device: PciDevice, { store, spare }: PrivateSourcesOptions) {
    this.#device = device;
    this.#store = store;
    checkChoice(spare.index, 'spare.index', ['msi', 'msix']);
    this.#spare = { index: spare.index, vectors: [...new Set(spare.vectors)] };
    this.#own = device.interrupts.deviceSpecific[0];
    this.road = this.#own === undefined ? 'message' : 'set-irqs';
    for (const vector of spare.vectors) {
      checkInteger(vector, 'spare vector', 0, device.interrupts[spare.index].count - 1);
    }
    this.count = this.#own?.count ?? Math.min(this.#spare.vectors.length, store.entries);
  }

  /**
   * Gives a source a vector and has it interrupt; `close()` of the vector takes both back.
   *
   * @param source - 0 to the store's entries - 1
   * @throws {@link VfioError} EBUSY if it has one; ENOSPC if no spare vector is left; as
   *   `VectorIndex.request` and `MessageStore.fill`
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
    // MSI is enabled in one block: with as many vectors as the highest spare one needs.
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

  /** The vector of a source. */
  vector(source: number): Vector | undefined {
    const vector = this.#own?.vector(source) ?? this.#used.get(source);
    return vector?.closed === false ? vector : undefined;
  }

  #error(code: string, message: string): VfioError {
    return new VfioError({ code, message, path: this.#device.name });
  }
}
