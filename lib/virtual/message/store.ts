import { EventEmitter } from 'node:events';
import { checkBoolean, checkInteger, checkOptions, checkU32 } from '../../checks.js';
import type { PciDevice } from '../../device/device.js';
import type { DmaBuffer, MessageChange } from '../../device/index.js';
import { type Message, sameMessage } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import { type Entries, placeEntries } from '../store/entries.js';
import type { EntryLayout, SlotLayout } from '../store/layout.js';
import { SlotWords } from '../store/words.js';
import type { SlotStorage } from '../store/storage.js';
import { checkDevice, checkFill, checkMessage, checkSource, type FillOptions } from './checks.js';
import { openPlace, type StorePlace } from './place.js';
import { bufferTarget, type Target, type VectorName, vectorTarget } from './target.js';
import { Watch } from './watch.js';

/** Options of {@link MessageStore}. */
export interface MessageStoreOptions {
  /** Layout of an entry: words, mask bit, and the order in which a message is written. */
  readonly layout: SlotLayout | EntryLayout;
  /**
   * Number of entries: 1 to 65536. If the entries have no common distance, the offset of each entry
   * in bytes from the start of the store, a multiple of 4. The layout then needs no stride.
   */
  readonly entries: number | readonly number[];
  /** Location of the start of the store: registers of the device, or another storage. */
  readonly place: StorePlace | SlotStorage;
}

/** Options of {@link MessageStore.sendToBuffer}. */
export interface SendToBufferOptions extends FillOptions {
  /** The value that the device writes: 0 to 2^32 - 1. */
  readonly data: number;
  /** Offset in the buffer in bytes, a multiple of 4. Default: 0. */
  readonly offset?: number | undefined;
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
  readonly target: Target;
  masked: boolean;
  /**
   * Whether the vector is released, or the buffer is freed. The device must then not send the
   * message.
   */
  silent: boolean;
}

/** Lets the rewriter access the words of a {@link MessageStore}. Offsets are in bytes. */
export interface StoreWords {
  entries(store: MessageStore): Entries;
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
  /** Number of entries. */
  readonly entries: number;
  readonly #entries: Entries;
  readonly #device: PciDevice;
  readonly #words: SlotWords;
  readonly #storage: SlotStorage;
  readonly #close: () => void;
  readonly #filled = new Map<number, Entry>();
  readonly #watch: Watch;
  #closed = false;

  static {
    storeWords = {
      entries: (store) => store.#entries,
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

  /**
   * @throws TypeError for an option of a wrong type; RangeError if the layout is invalid, or the
   *   entries do not fit into the storage
   */
  constructor(device: PciDevice, options: MessageStoreOptions) {
    super();
    checkDevice(device);
    checkOptions(options, ['layout', 'entries', 'place']);
    const { layout, entries, place } = options;
    this.#entries = placeEntries(layout, entries);
    const { count, size, stride, offsets } = this.#entries;
    const { storage, close } = openPlace(device, place, size);
    if (storage.size < size) {
      throw new RangeError(
        `${count} entries need ${size} bytes, but the storage has ${storage.size}`,
      );
    }
    this.layout = { ...layout, stride };
    this.entries = count;
    this.#device = device;
    this.#storage = storage;
    this.#words = new SlotWords(this.layout, storage, () => undefined, offsets);
    this.#close = close;
    this.#watch = new Watch(() => {
      if (device.closed) this.unwatch();
      else this.#try(() => this.refresh());
    });
    device.messages.on('change', this.#onChange);
  }

  /**
   * Writes the message of a vector to an entry, and unmasks the entry.
   *
   * @throws {@link VfioError} ENOTSUP or ENODATA if {@link Messages.read} fails with this error;
   *   EOVERFLOW if the address does not fit into the high address bits of the layout
   */
  fill(entry: number, source: VectorName, options: FillOptions = {}): void {
    this.#check(entry);
    checkSource(source);
    this.#fill(entry, vectorTarget(this.#device, source), checkFill(options));
  }

  /**
   * Writes a given message to an entry. After the call, the entry belongs to no vector, and the
   * store does not update the entry.
   * @throws TypeError or RangeError for an invalid address or data
   * @throws {@link VfioError} EOVERFLOW if the address does not fit into the high address bits of
   *   the layout
   */
  write(entry: number, message: Message, options: FillOptions = {}): void {
    this.#check(entry);
    checkMessage(message);
    const masked = checkFill(options);
    this.#write(entry, message, { masked, silent: false });
    this.#filled.delete(entry);
  }

  /**
   * Makes an entry write to memory instead of raising an interrupt: writes the address of a DMA
   * buffer to the entry. The device then writes `data` to the buffer, and a driver that polls finds
   * the value in the buffer. Call {@link clear} or {@link fill} before you free the buffer, because
   * the device could otherwise write to another buffer at the same address.
   *
   * @param buffer - a buffer of the same device, which the device is allowed to write
   * @throws TypeError or RangeError for a wrong option, or an offset outside of the buffer
   * @throws {@link VfioError} EBADF if the buffer is not mapped; EACCES if the device is not allowed
   *   to write the buffer; EOVERFLOW as in {@link write}
   * @example
   * store.sendToBuffer(3, buffer, { offset: 64, data: 1 });
   * const events = new Int32Array(buffer.buffer);
   * while (Atomics.exchange(events, 16, 0) === 0) doOtherWork();
   */
  sendToBuffer(entry: number, buffer: DmaBuffer, options: SendToBufferOptions): void {
    this.#check(entry);
    const masked = checkFill(options, ['data', 'offset']);
    const { data, offset = 0 } = options;
    checkU32(data, 'data');
    this.#fill(entry, bufferTarget(this.#device, buffer, offset, data), masked);
  }

  #fill(entry: number, target: Target, masked: boolean): void {
    const filled = { target, masked, silent: false };
    this.#write(entry, target.read(), filled);
    this.#filled.set(entry, filled);
  }

  /** Returns the vector whose message was written to an entry. */
  source(entry: number): VectorName | undefined {
    return this.#filled.get(entry)?.target.source;
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
    return [...this.#filled].flatMap(([entry, { target, silent }]) => {
      const { source } = target;
      if (silent || source === undefined) return [];
      const expected = target.read();
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
    this.#checkOpen();
    this.#watch.start(intervalMs);
  }

  /** Stops the timer of {@link watch}. */
  unwatch(): void {
    this.#watch.stop();
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

  readonly #onChange = (change: MessageChange): void => {
    for (const [entry, filled] of this.#filled) {
      if (!filled.target.isChangedBy(change)) continue;
      this.#try(() => {
        if (change.reason === 'released') this.#release(entry, filled);
        else this.#restore(entry, filled);
      });
    }
  };

  #release(entry: number, filled: Entry): void {
    const { source } = filled.target;
    filled.silent = true;
    this.#silence(entry);
    if (source !== undefined) this.emit('silenced', entry, source);
  }

  #restore(entry: number, filled: Entry): void {
    // The vector is released or the buffer is freed, so the entry stays silent after the reset.
    if (!filled.target.isReady) {
      this.#silence(entry);
      return;
    }
    const before = this.read(entry);
    const message = filled.target.read();
    filled.silent = false;
    this.#write(entry, message, filled);
    if (!sameMessage(message, before)) this.emit('refreshed', entry, message, before);
  }

  #write(
    entry: number,
    message: Message,
    { masked, silent }: Pick<Entry, 'masked' | 'silent'>,
  ): void {
    this.#words.checkAddress(message.address);
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
