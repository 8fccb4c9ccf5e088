import { EventEmitter } from 'node:events';
import {
  checkBoolean,
  checkInstance,
  checkInteger,
  checkObject,
  checkOptions,
  checkU64,
} from '../../checks.js';
import { PciDevice } from '../../device/device.js';
import type { MessageChange } from '../../device/index.js';
import { type MessageIndex, type Message, sameMessage } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import { checkLayout, type SlotLayout } from '../store/layout.js';
import { SlotWords } from '../store/words.js';
import { checkStorage, type SlotStorage } from '../store/storage.js';
import { deviceStorage, type StorePlace } from './place.js';

/** Identifies a vector of a device by its interrupt index and its number. */
export interface VectorName {
  readonly index: MessageIndex;
  readonly vector: number;
}

/** Options of {@link MessageStore}. */
export interface MessageStoreOptions {
  /** Layout of an entry: words, mask bit, and the order in which a message is written. */
  readonly layout: SlotLayout;
  /** Number of entries: 1 to 65536. */
  readonly entries: number;
  /** Location of the first entry: registers of the device, or another storage. */
  readonly place: StorePlace | SlotStorage;
}

/** An entry whose message differs from the message of its vector. */
export interface Mismatch {
  /** Number of the entry: 0 to `entries - 1`. */
  readonly entry: number;
  /** The vector of the entry. */
  readonly source: VectorName;
  /** The message in the entry. */
  readonly actual: Message;
  /** The current message of the vector. */
  readonly expected: Message;
}

/** Events of a {@link MessageStore}. */
export interface MessageStoreEvents {
  /** An entry was updated, because its message differed from the message of its vector. */
  refreshed: [entry: number, message: Message, before: Message];
  /** An entry was silenced, because its vector was released. */
  silenced: [entry: number, source: VectorName];
  /**
   * An update of the entries failed. The store updates entries after a change of their vector,
   * after a reset of the device, and when the timer of {@link MessageStore.watch} fires.
   */
  failed: [error: VfioError];
}

/** The message that a read returns if the device does not respond. */
const NO_RESPONSE: Message = { address: 0xffff_ffff_ffff_ffffn, data: 0xffff_ffff };

interface Entry {
  readonly source: VectorName;
  masked: boolean;
  /** Whether the vector is released. The entry of a released vector must send no interrupt. */
  silent: boolean;
}

/** Lets the rewriter read and write the words of a {@link MessageStore}. Offsets are in bytes. */
export interface StoreWords {
  read(store: MessageStore, offset: number): number;
  write(store: MessageStore, offset: number, value: number): void;
}

export let storeWords: StoreWords;

/**
 * Private copies of MSI messages in registers of a device. The device sends interrupts with these
 * messages. An entry is filled with the message of a requested vector. If the vector is released,
 * the store silences the entry. If the vector is requested again or the device is reset, the store
 * writes the entry again. If the layout has a mask bit, the entry is masked while its message is
 * written.
 *
 * If the IOMMU does not remap interrupts, the host can change the messages at any time. The program
 * must then call {@link watch}.
 *
 * @example
 * const store = new MessageStore(device, {
 *   layout: {
 *     name: 'wlan', stride: 16, addressLow: 0, addressHigh: 4, data: 8,
 *     mask: { offset: 12, bits: 1 },
 *   },
 *   entries: 32,
 *   place: { region: 0, offset: 0x1000 },
 * });
 * device.interrupts.msi.request(7);
 * store.fill(3, { index: 'msi', vector: 7 });
 */
export class MessageStore extends EventEmitter<MessageStoreEvents> {
  readonly layout: SlotLayout;
  readonly entries: number;
  readonly #device: PciDevice;
  readonly #words: SlotWords;
  readonly #storage: SlotStorage;
  readonly #close: () => void;
  readonly #filled = new Map<number, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  static {
    storeWords = {
      read: (store, offset) => {
        store.#checkOpen();
        return store.#storage.read32(offset);
      },
      write: (store, offset, value) => {
        store.#checkOpen();
        store.#storage.write32(offset, value);
      },
    };
  }

  /** @throws RangeError if the layout is invalid, or the entries do not fit into the storage */
  constructor(device: PciDevice, options: MessageStoreOptions) {
    super();
    checkInstance(device, 'device', PciDevice);
    checkOptions(options, ['layout', 'entries', 'place']);
    const { layout, entries, place } = options;
    checkObject(place, 'place');
    checkLayout(layout);
    checkInteger(entries, 'entries', 1, 65536);
    const size = layout.stride * entries;
    const { storage, close } =
      'read32' in place
        ? { storage: place, close: () => undefined }
        : deviceStorage(device, place, size);
    checkStorage(storage);
    if (storage.size < size) {
      throw new RangeError(
        `${entries} entries need ${size} bytes, but the storage has ${storage.size}`,
      );
    }
    this.layout = layout;
    this.entries = entries;
    this.#device = device;
    this.#storage = storage;
    this.#words = new SlotWords(layout, storage, () => undefined);
    this.#close = close;
    device.messages.on('change', this.#onChange);
  }

  /**
   * Writes the message of a vector to an entry, and unmasks the entry.
   *
   * @throws {@link VfioError} ENOTSUP or ENODATA if {@link Messages.read} fails with this error
   */
  fill(entry: number, source: VectorName, options: { masked?: boolean } = {}): void {
    this.#check(entry);
    checkOptions(source, ['index', 'vector'], 'source');
    const masked = maskedOf(options);
    const message = this.#device.messages.read(source.index, source.vector);
    const filled = { source, masked, silent: false };
    this.#write(entry, message, filled);
    this.#filled.set(entry, filled);
  }

  /**
   * Writes a given message to an entry. After the call, the entry belongs to no vector, and the
   * store does not update the entry.
   * @throws TypeError or RangeError for an invalid address or data
   */
  write(entry: number, message: Message, options: { masked?: boolean } = {}): void {
    this.#check(entry);
    const masked = maskedOf(options);
    checkObject(message, 'message');
    checkU64(message.address, 'address');
    checkInteger(message.data, 'data', 0, 0xffff_ffff);
    this.#filled.delete(entry);
    this.#write(entry, message, { masked, silent: false });
  }

  /** Returns the vector whose message was written to an entry. */
  source(entry: number): VectorName | undefined {
    return this.#filled.get(entry)?.source;
  }

  /** Reads the message of an entry from the device. */
  read(entry: number): Message {
    this.#check(entry);
    return this.#words.read(entry).message;
  }

  /** Masks or unmasks an entry. @throws {@link VfioError} ENOTSUP if the layout has no mask bit */
  setMask(entry: number, masked: boolean): void {
    this.#check(entry);
    checkBoolean(masked, 'masked');
    if (this.layout.mask === undefined) {
      throw this.#error('ENOTSUP', `entries of the layout '${this.layout.name}' have no mask bit`);
    }
    const filled = this.#filled.get(entry);
    if (filled !== undefined) filled.masked = masked;
    this.#words.setMask(entry, masked || filled?.silent === true);
  }

  /**
   * Compares every entry with the message of its vector. Nothing is written.
   *
   * @returns the entries with a wrong message
   * @throws {@link VfioError} EIO if the device does not respond; ENOTSUP or ENODATA if
   *   {@link Messages.read} fails with this error
   */
  verify(): Mismatch[] {
    return [...this.#filled].flatMap(([entry, { source, silent }]) => {
      if (silent) return [];
      const expected = this.#device.messages.read(source.index, source.vector);
      const actual = this.read(entry);
      if (sameMessage(actual, NO_RESPONSE))
        throw this.#error('EIO', 'the message store reads all ones: the device does not respond');
      return sameMessage(actual, expected) ? [] : [{ entry, source, actual, expected }];
    });
  }

  /**
   * Compares every entry with the message of its vector, and writes the message again if an entry
   * differs. Throws the errors of {@link verify}.
   *
   * @returns the numbers of the updated entries
   */
  refresh(): number[] {
    return this.verify().map(({ entry, actual, expected }) => {
      const filled = this.#filled.get(entry);
      if (filled !== undefined) this.#write(entry, expected, filled);
      this.emit('refreshed', entry, expected, actual);
      return entry;
    });
  }

  /** Silences an entry, and detaches the entry from its vector. */
  clear(entry: number): void {
    this.#check(entry);
    this.#filled.delete(entry);
    this.#silence(entry);
  }

  /**
   * Calls {@link refresh} periodically. Use this method if the host can change the messages. If the
   * device sends an interrupt after the host has changed the message and before the next refresh,
   * the interrupt is lost. The timer does not keep the process alive.
   *
   * @param intervalMs - interval in milliseconds, 1 to 2^31 - 1
   */
  watch(intervalMs: number): void {
    checkInteger(intervalMs, 'intervalMs', 1, 2 ** 31 - 1);
    this.#checkOpen();
    this.unwatch();
    this.#timer = setInterval(() => {
      if (this.#device.closed) this.unwatch();
      else this.#try(() => this.refresh());
    }, intervalMs).unref();
  }

  /** Stops the timer of {@link watch}. */
  unwatch(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Silences all filled entries, and unmaps the registers. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.unwatch();
    this.#device.messages.off('change', this.#onChange);
    if (!this.#device.closed) for (const entry of [...this.#filled.keys()]) this.clear(entry);
    this.#filled.clear();
    this.#closed = true;
    this.#close();
  }

  /** Calls {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  readonly #onChange = ({ reason, index, vector }: MessageChange): void => {
    for (const [entry, filled] of this.#filled) {
      const { source } = filled;
      const matches = source.index === index && source.vector === vector;
      if (reason !== 'reset' && !matches) continue;
      this.#try(() => {
        if (reason === 'released') this.#release(entry, filled);
        else this.#restore(entry, filled);
      });
    }
  };

  #release(entry: number, filled: Entry): void {
    filled.silent = true;
    this.#silence(entry);
    this.emit('silenced', entry, filled.source);
  }

  #restore(entry: number, filled: Entry): void {
    const { index, vector } = filled.source;
    // The vector is released, so the entry stays silent after the reset.
    if (this.#device.interrupts[index].vector(vector) === undefined) {
      this.#silence(entry);
      return;
    }
    const before = this.read(entry);
    const message = this.#device.messages.read(index, vector);
    filled.silent = false;
    this.#write(entry, message, filled);
    if (!sameMessage(message, before)) this.emit('refreshed', entry, message, before);
  }

  #write(
    entry: number,
    message: Message,
    { masked, silent }: Pick<Entry, 'masked' | 'silent'>,
  ): void {
    this.#words.setMask(entry, true);
    this.#words.writeMessage(entry, message);
    if (!masked && !silent) this.#words.setMask(entry, false);
  }

  /** Masks an entry, or clears its message if the layout has no mask bit. */
  #silence(entry: number): void {
    if (this.layout.mask !== undefined) this.#words.setMask(entry, true);
    else this.#words.writeMessage(entry, { address: 0n, data: 0 });
  }

  #try(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.emit('failed', error);
    }
  }

  #check(entry: number): void {
    this.#checkOpen();
    checkInteger(entry, 'entry', 0, this.entries - 1);
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#error('EBADF', 'the message store is closed');
    if (this.#device.closed) throw this.#error('EBADF', 'the device is closed');
  }

  #error(code: string, message: string): VfioError {
    return new VfioError({ code, message, path: this.#device.name });
  }
}

/** Returns whether an entry is to be masked, from the options of {@link MessageStore.fill}. */
function maskedOf(options: { masked?: boolean }): boolean {
  checkOptions(options, ['masked']);
  const { masked = false } = options;
  checkBoolean(masked, 'masked');
  return masked;
}
