import type { DeviceHost, DeviceLogic, NarrowRegister } from '../../hardware/model.js';
import { Sender } from './sender.js';

const BAR = 0;
const ENTRIES = 32;
/**
 * Table with the messages of the device's private interrupt sources. The size of an entry is 16
 * bytes.
 */
const STORE = { bar: BAR, offset: 0x1000, entries: ENTRIES, stride: 16 } as const;
const ADDRESS_LOW = 0;
const ADDRESS_HIGH = 4;
const DATA = 8;
const CONTROL = 12;
const MASKED = 1 << 0;
const PENDING = 1 << 1;

export const REGULAR_BAR = { index: BAR, size: 0x4000, widths: [4] } as const;

/** The registers of the private sources, for a variant driver. */
export const REGULAR_SOURCES = {
  ...STORE,
  addressLow: ADDRESS_LOW,
  addressHigh: ADDRESS_HIGH,
  data: DATA,
  mask: { offset: CONTROL, bits: MASKED },
} as const;

interface Source {
  low: number;
  high: number;
  data: number;
  masked: boolean;
  pending: boolean;
}

/**
 * The wireless adapter with a table of private sources.
 *
 * - 0x00 to 0x14: see {@link Sender}
 * - 0x1000 + 16 n: address low, address high, data and control of private source n. In the control
 *   register, bit 0 masks the source, and bit 1 is the read-only pending bit.
 */
export class RegularWlan implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #sender: Sender;
  #sources: Source[] = [];

  constructor(host: DeviceHost) {
    this.#sender = new Sender(host, ENTRIES, (source) => {
      this.#raise(source);
    });
    this.reset();
    this.registers = {
      [BAR]: [
        ...this.#sender.registers,
        ...Array.from({ length: ENTRIES }, (_, n) => this.#entry(n)).flat(),
      ],
    };
  }

  reset(): void {
    this.#sources = Array.from({ length: ENTRIES }, () => ({
      low: 0,
      high: 0,
      data: 0,
      masked: true,
      pending: false,
    }));
    this.#sender.reset();
  }

  #raise(n: number): void {
    const source = this.#sources[n];
    if (source === undefined) return;
    source.pending = true;
    this.#sendPending(source);
  }

  /** Sends the current message of a private source if the source is pending and not masked. */
  #sendPending(source: Source): void {
    if (source.masked || !source.pending) return;
    source.pending = false;
    this.#sender.send(source);
  }

  #entry(n: number): NarrowRegister[] {
    const entry = STORE.offset + n * STORE.stride;
    const word = (at: number, field: 'low' | 'high' | 'data'): NarrowRegister => ({
      offset: entry + at,
      name: `${field} ${n}`,
      width: 4,
      read: () => this.#sources[n]?.[field] ?? 0,
      write: (value) => {
        const source = this.#sources[n];
        if (source !== undefined) source[field] = value;
      },
    });
    return [
      word(ADDRESS_LOW, 'low'),
      word(ADDRESS_HIGH, 'high'),
      word(DATA, 'data'),
      {
        offset: entry + CONTROL,
        name: `control ${n}`,
        width: 4,
        read: () => {
          const { masked = false, pending = false } = this.#sources[n] ?? {};
          return (masked ? MASKED : 0) | (pending ? PENDING : 0);
        },
        write: (value) => {
          const source = this.#sources[n];
          if (source === undefined) return;
          source.masked = (value & MASKED) !== 0;
          this.#sendPending(source);
        },
      },
    ];
  }
}
