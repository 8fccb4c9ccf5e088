import { EventEmitter } from 'node:events';
import {
  checkAccess,
  checkChoice,
  checkFunction,
  checkInteger,
  checkOptions,
  checkU64,
  checkValue,
} from '../../checks.js';
import type { Message, MessageIndex } from '../../contract/message.js';
import type { PciDevice } from '../../device/device.js';
import type { MessageChange } from '../../device/index.js';
import { VfioError } from '../../errors.js';
import { checkHighBits } from '../store/high-bits.js';
import { checkDevice } from './checks.js';
import type { GuestMessages } from './guest-messages.js';
import { openWindow, type WindowAccess, type WindowPlace } from './place.js';
import { messageOf, type MsiGuest } from './recognize.js';
import type { VectorName } from './target.js';
import { Watch } from './watch.js';
import { WindowMessages } from './window-messages.js';

/** Options of {@link WindowRewriter}. */
export interface WindowRewriterOptions {
  /** Location of the window: region, offset and size in bytes. */
  readonly place: WindowPlace;
  /** The guest's MSI, such as a `VirtualMsi`, or a function that returns the guest's messages. */
  readonly guest: MsiGuest | (() => GuestMessages);
  /** The interrupt index of the device whose physical messages replace the guest's messages. */
  readonly index: MessageIndex;
  /**
   * Mask of the bits of the high address word that contain address bits, beginning with bit 32. The
   * other bits are written as the guest writes them. Default: 0xffff_ffff.
   */
  readonly highBits?: number | undefined;
  /**
   * Returns the page that the window shows, 0 to 65535. The rewriter stores the words that the
   * guest writes to each page. Default: the window has one page.
   */
  readonly page?: (() => number) | undefined;
}

/** Events of a {@link WindowRewriter}. `offset` is the offset of the low address in the window. */
export interface WindowRewriterEvents {
  /**
   * The device got the physical message of a vector, because the guest has written a message or the
   * host has changed the physical message.
   */
  rewritten: [offset: number, virtual: Message, source: VectorName];
  /**
   * The guest has written a message whose physical message cannot be read or does not fit. The
   * device sends no message for these registers until the physical message can be written.
   */
  failed: [offset: number, virtual: Message, error: VfioError];
}

const PAGE_MAX = 65535;

/**
 * Rewrites a guest's messages in a window of registers, at any offset. Use this class for a device
 * such as ath11k, whose private copies of MSI messages have no regular layout. A message has three
 * words: address low, address high, data.
 *
 * The rewriter recognizes messages by their values. A message begins when the guest writes a whole
 * word that is equal to the low address of its messages. All other writes pass to the device
 * unchanged. Reads return the words that the guest has written.
 *
 * - `index: 'msi'`: all vectors have the same address, so no write is delayed. The address words
 *   and the data word are replaced when the guest writes the words, in any order.
 * - `index: 'msix'`: the address depends on the vector, so the rewriter holds the three words. When
 *   the message is known, the words are written in order. If a word is foreign, or the guest
 *   accesses another register of the window, or {@link flush} is called, the words pass unchanged.
 *
 * If a vector is released or requested again, the rewriter updates the words of the device, as
 * {@link MessageStore} does. After a reset of the device, the rewriter forgets all words.
 *
 * @example
 * const rewriter = new WindowRewriter(device, {
 *   place: { region: 0, offset: 0x80000, size: 0x80000 },
 *   guest: () => ({ address: 0xfee00000n, data: 0x21, vectors: 1 }),
 *   index: 'msi',
 *   highBits: 0xff,
 * });
 * // A VMM calls this for each access that it traps, with the offset from the start of the window:
 * rewriter.write(0x48, 4, 0xfee00000);
 */
export class WindowRewriter extends EventEmitter<WindowRewriterEvents> {
  readonly #device: PciDevice;
  readonly #index: MessageIndex;
  readonly #size: number;
  readonly #registers: WindowAccess;
  readonly #messages: WindowMessages;
  readonly #watch: Watch;
  #closed = false;

  /**
   * @throws TypeError or RangeError for a wrong option, or if the window is not within its region
   */
  constructor(device: PciDevice, options: WindowRewriterOptions) {
    super();
    checkDevice(device);
    checkOptions(options, ['place', 'guest', 'index', 'highBits', 'page']);
    const { place, guest, index, highBits = 0xffff_ffff, page = () => 0 } = options;
    const readGuest = typeof guest === 'function' ? guest : messageOf(guest);
    checkChoice(index, 'index', ['msi', 'msix']);
    checkHighBits(highBits, 'highBits');
    checkFunction(page, 'page');
    this.#device = device;
    this.#index = index;
    this.#registers = openWindow(device, place);
    this.#size = place.size;
    this.#messages = new WindowMessages({
      device,
      format: { index, highBits, vectors: device.interrupts[index].count },
      registers: this.#registers,
      size: place.size,
      guest: readGuest,
      page: () => {
        const number = page();
        checkInteger(number, 'the result of page()', 0, PAGE_MAX);
        return number;
      },
      rewritten: (offset, virtual, source) => this.emit('rewritten', offset, virtual, source),
      failed: (offset, virtual, error) => this.emit('failed', offset, virtual, error),
    });
    this.#watch = new Watch(() => {
      if (device.closed) this.unwatch();
      else this.#messages.followHost(null);
    });
    device.messages.on('change', this.#onChange);
  }

  /**
   * Performs a read access of the guest.
   *
   * @param offset - bytes from the start of the window, aligned to `width`
   * @returns a bigint if `width` is 8
   */
  read(offset: number, width: 1 | 2 | 4): number;
  read(offset: number, width: 8): bigint;
  read(offset: number, width: 1 | 2 | 4 | 8): number | bigint {
    this.#checkAccess(offset, width);
    if (width !== 8) return this.#messages.read(offset, width);
    const low = BigInt(this.#messages.read(offset, 4));
    return low | (BigInt(this.#messages.read(offset + 4, 4)) << 32n);
  }

  /**
   * Performs a write access of the guest. An access of 8 bytes writes the lower half first.
   *
   * @param offset - bytes from the start of the window, aligned to `width`
   * @param value - an unsigned number; a bigint if `width` is 8
   */
  write(offset: number, width: 1 | 2 | 4, value: number): void;
  write(offset: number, width: 8, value: bigint): void;
  write(offset: number, width: 1 | 2 | 4 | 8, value: number | bigint): void {
    this.#checkAccess(offset, width);
    if (width !== 8) {
      checkValue(value as number, width);
      this.#messages.write({ offset, width, value: value as number });
      return;
    }
    checkU64(value, 'value');
    this.#messages.write({ offset, width: 4, value: Number(value & 0xffff_ffffn) });
    this.#messages.write({ offset: offset + 4, width: 4, value: Number(value >> 32n) });
  }

  /**
   * Writes the held words to the device unchanged. If the window is paged, call this method before
   * the guest selects another page.
   */
  flush(): void {
    this.#checkOpen();
    this.#messages.flush();
  }

  /**
   * Recognizes the words of the guest again, and writes the physical messages again. Call this
   * method if the guest has changed its message or has enabled its MSI.
   */
  refresh(): void {
    this.#checkOpen();
    this.#messages.refresh();
  }

  /** Forgets all words and messages. Nothing is written to the device. */
  reset(): void {
    this.#messages.reset();
  }

  /**
   * Writes the messages of the selected page that have changed while another page was selected.
   * Call this method after the guest has selected a page.
   */
  pageSelected(): void {
    this.#checkOpen();
    this.#messages.pageSelected();
  }

  /**
   * Compares the messages periodically with the messages of the host, and writes the messages that
   * have changed. Use this method if the host can change the messages. The timer does not keep the
   * process alive.
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

  /**
   * Writes the held words, silences the messages of the selected page, and unmaps the window.
   * Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.unwatch();
    this.#device.messages.off('change', this.#onChange);
    if (!this.#device.closed) {
      this.flush();
      this.#messages.silence();
    }
    this.reset();
    this.#closed = true;
    this.#registers.close();
  }

  /** Calls {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  readonly #onChange = ({ reason, index, vector }: MessageChange): void => {
    if (reason === 'reset') this.reset();
    else if (index === this.#index) this.#messages.followHost(vector);
  };

  #checkAccess(offset: number, width: number): void {
    this.#checkOpen();
    checkChoice(width, 'width', [1, 2, 4, 8]);
    checkAccess(offset, width, this.#size);
  }

  #checkOpen(): void {
    const error = (message: string) =>
      new VfioError({ code: 'EBADF', message, path: this.#device.name });
    if (this.#closed) throw error('the window rewriter is closed');
    if (this.#device.closed) throw error('the device is closed');
  }
}
