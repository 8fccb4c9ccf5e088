import { EventEmitter } from 'node:events';
import { checkInteger, checkU64 } from '../../checks.js';
import type { PciDevice } from '../../device/device.js';
import type { MessageChange } from '../../device/index.js';
import { type MessageIndex, type Message, sameMessage } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import { checkLayout, type SlotLayout } from '../store/layout.js';
import { SlotWords } from '../store/words.js';
import type { SlotStorage } from '../store/storage.js';
import { deviceStorage, type StorePlace } from './place.js';

/** A vector of a device by its interrupt index. */
export interface VectorName {
  readonly index: MessageIndex;
  readonly vector: number;
}

/** Where a {@link MessageStore} is, and what it looks like. */
export interface MessageStoreOptions {
  /** How an entry is laid out: words, mask bit, and the order in which a message is written. */
  readonly layout: SlotLayout;
  /** How many there are: 1 to 65536. */
  readonly entries: number;
  /** Where the first one is: in a region of the device, or wherever else words can be kept. */
  readonly place: StorePlace | SlotStorage;
}

/** A copy that is not what it should be. */
export interface Mismatch {
  /** 0 to `entries - 1`. */
  readonly entry: number;
  /** The vector it sends. */
  readonly source: VectorName;
  /** What the store holds. */
  readonly held: Message;
  /** What the vector's message is now. */
  readonly expected: Message;
}

/** Events of a {@link MessageStore}. */
export interface MessageStoreEvents {
  /** The message of an entry was written again, since the copy was another. */
  refreshed: [entry: number, message: Message, before: Message];
  /** An entry cannot send any more: its vector was released. */
  silenced: [entry: number, source: VectorName];
  /** A copy could not be checked or written where nobody could be told by an exception. */
  failed: [error: VfioError];
}

/** What registers read as that do not answer. */
const GONE: Message = { address: 0xffff_ffff_ffff_ffffn, data: 0xffff_ffff };

interface Entry {
  readonly source: VectorName;
  masked: boolean;
  /** The vector is released: nothing may be sent. */
  silent: boolean;
}

/** The words of a {@link MessageStore}, for the rewriter; offsets are in bytes from its start. */
export interface StoreWords {
  read(store: MessageStore, offset: number): number;
  write(store: MessageStore, offset: number, value: number): void;
}

export let storeWords: StoreWords;

/**
 * The private copies of MSI messages that a device keeps in registers of its own and raises
 * interrupts from. An entry is filled with the message of a requested vector, and follows it: it is
 * silenced when the vector is released, and written again when it is requested anew, or when the
 * device was reset. A message is written while the entry is masked, where the layout has a mask bit.
 *
 * Where the host can move messages by itself (they are not `remapped`), switch on {@link watch}.
 *
 * @example
 * const store = new MessageStore(device, {
 *   layout: { name: 'wlan', stride: 16, addressLow: 0, addressHigh: 4, data: 8, mask: { offset: 12, bits: 1 } },
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

  /** @throws RangeError if the layout is impossible, or the place does not hold the entries */
  constructor(device: PciDevice, { layout, entries, place }: MessageStoreOptions) {
    super();
    checkLayout(layout);
    checkInteger(entries, 'entries', 1, 65536);
    const size = layout.stride * entries;
    const { storage, close } =
      'read32' in place
        ? { storage: place, close: () => undefined }
        : deviceStorage(device, place, size);
    if (storage.size < size) {
      throw new RangeError(`${entries} entries need ${size} bytes: the place has ${storage.size}`);
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
   * Writes the message of a vector to an entry, and unmasks it.
   *
   * @throws {@link VfioError} as {@link Messages.read}: ENOTSUP, ENODATA
   */
  fill(entry: number, source: VectorName, { masked = false }: { masked?: boolean } = {}): void {
    this.#check(entry);
    const message = this.#device.messages.read(source.index, source.vector);
    const filled = { source, masked, silent: false };
    this.#write(entry, message, filled);
    this.#filled.set(entry, filled);
  }

  /**
   * Writes a message as it is given, which is then nobody's: it is not followed.
   * @throws TypeError or RangeError for what is no message
   */
  write(entry: number, message: Message, { masked = false }: { masked?: boolean } = {}): void {
    this.#check(entry);
    checkU64(message.address, 'address');
    checkInteger(message.data, 'data', 0, 0xffff_ffff);
    this.#filled.delete(entry);
    this.#write(entry, message, { masked, silent: false });
  }

  /** The vector that an entry sends. */
  source(entry: number): VectorName | undefined {
    return this.#filled.get(entry)?.source;
  }

  /** The message that the device has in an entry. */
  read(entry: number): Message {
    this.#check(entry);
    return this.#words.read(entry).message;
  }

  /** Masks or unmasks an entry. @throws {@link VfioError} ENOTSUP if the layout has no mask bit */
  setMask(entry: number, masked: boolean): void {
    this.#check(entry);
    if (this.layout.mask === undefined) {
      throw this.#error('ENOTSUP', `entries of '${this.layout.name}' have no mask bit`);
    }
    const filled = this.#filled.get(entry);
    if (filled !== undefined) filled.masked = masked;
    this.#words.setMask(entry, masked || filled?.silent === true);
  }

  /**
   * Compares every copy with the message of its vector, and changes nothing.
   *
   * @throws {@link VfioError} EIO if the device's memory is off or it is gone; as {@link fill}
   */
  verify(): Mismatch[] {
    return [...this.#filled].flatMap(([entry, { source, silent }]) => {
      if (silent) return [];
      const expected = this.#device.messages.read(source.index, source.vector);
      const held = this.read(entry);
      if (sameMessage(held, GONE)) throw this.#error('EIO', 'the message store does not answer');
      return sameMessage(held, expected) ? [] : [{ entry, source, held, expected }];
    });
  }

  /**
   * Writes the copies again that are not the message of their vector. Errors as {@link verify}.
   * @returns their entries
   */
  refresh(): number[] {
    return this.verify().map(({ entry, held, expected }) => {
      const filled = this.#filled.get(entry);
      if (filled !== undefined) this.#write(entry, expected, filled);
      this.emit('refreshed', entry, expected, held);
      return entry;
    });
  }

  /** Silences an entry and forgets its vector. */
  clear(entry: number): void {
    this.#check(entry);
    this.#filled.delete(entry);
    this.#silence(entry);
  }

  /**
   * Refreshes again and again, for messages that the host moves. What a device sends by the old
   * message between a move and the next check is lost. It does not keep the process alive.
   *
   * @param intervalMs - milliseconds, 1 to 2^31 - 1
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

  /** Ends what {@link watch} began. */
  unwatch(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Silences what was filled, and lets go of the device. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.unwatch();
    this.#device.messages.off('change', this.#onChange);
    if (!this.#device.closed) for (const entry of [...this.#filled.keys()]) this.clear(entry);
    this.#filled.clear();
    this.#closed = true;
    this.#close();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  readonly #onChange = ({ reason, index, vector }: MessageChange): void => {
    for (const [entry, filled] of this.#filled) {
      const { source } = filled;
      const concerned = source.index === index && source.vector === vector;
      if (reason !== 'reset' && !concerned) continue;
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
    // Released, and the device was reset: it stays silent.
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

  /** What cannot be masked loses its message. */
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
