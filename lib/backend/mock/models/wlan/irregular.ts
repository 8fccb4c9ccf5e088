import type { DeviceHost, DeviceLogic } from '../../hardware/model.js';
import { Sender } from './sender.js';
import { maskOf } from '../../../../checks.js';

/** Offsets of the private sources in the window: the offsets of a public trace of a WCN6855. */
const SOURCES = [
  0x48, 0x3048, 0x30a0, 0x5048, 0x50a0, 0x6048, 0xb048, 0xb0a0, 0xe048, 0x34968, 0x34a70, 0x3849c,
  0x385a4,
] as const;
const BAR = 0;
const PAGE_REGISTER = 0x310c;
/** Bits of the page register that select the page of the window. */
const PAGE = 0x3f;
const WINDOW = { offset: 0x80000, size: 0x80000 } as const;
const ADDRESS_HIGH = 4;
const DATA = 8;
const HIGH_BITS = 0xff;
const ENABLE = 1 << 8;

export const IRREGULAR_BAR = { index: BAR, size: WINDOW.offset + WINDOW.size } as const;

/**
 * The wireless adapter with the registers of ath11k: a window of registers that shows one of 64
 * pages, and private sources at irregular offsets of page 0.
 *
 * - 0x00 to 0x14: see {@link Sender}
 * - 0x310c, page: bits 5:0 select the page that the window shows
 * - 0x80000 to 0xfffff, the window. A private source has three words: address low; address bits
 *   39:32 in bits 7:0 with the enable bit 8; data. A source whose enable bit is clear sends nothing.
 *   All other words of the window contain what was written.
 */
export class IrregularWlan implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #sender: Sender;
  /** Words of the window that are not 0, by page and offset. */
  readonly #words = new Map<number, number>();
  #page = 0;

  constructor(host: DeviceHost) {
    this.#sender = new Sender(host, SOURCES.length, (source) => {
      this.#raise(source);
    });
    this.registers = {
      [BAR]: [
        ...this.#sender.registers,
        {
          offset: PAGE_REGISTER,
          name: 'page',
          width: 4,
          read: () => this.#page,
          write: (value) => {
            this.#page = value;
          },
        },
        {
          ...WINDOW,
          name: 'window',
          load: (offset, width) => {
            const shift = 8 * (offset % 4);
            return ((this.#word(offset - (offset % 4)) >>> shift) & maskOf(width)) >>> 0;
          },
          store: (offset, width, value) => {
            const shift = 8 * (offset % 4);
            const at = offset - (offset % 4);
            const kept = this.#word(at) & ~(maskOf(width) << shift);
            this.#words.set(this.#key(at), (kept | (value << shift)) >>> 0);
          },
        },
      ],
    };
  }

  reset(): void {
    this.#words.clear();
    this.#page = 0;
    this.#sender.reset();
  }

  #raise(n: number): void {
    const offset = SOURCES[n];
    if (offset === undefined) return;
    const word = (at: number) => this.#words.get(offset + at) ?? 0;
    const control = word(ADDRESS_HIGH);
    if ((control & ENABLE) === 0) return;
    this.#sender.send({ low: word(0), high: control & HIGH_BITS, data: word(DATA) });
  }

  #word(offset: number): number {
    return this.#words.get(this.#key(offset)) ?? 0;
  }

  #key(offset: number): number {
    return (this.#page & PAGE) * WINDOW.size + offset;
  }
}
