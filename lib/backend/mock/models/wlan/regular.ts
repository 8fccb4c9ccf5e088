import { defineRegisters } from '../../../../registers/index.js';
import { modelRegisters } from '../../hardware/model-registers.js';
import type { DeviceHost, DeviceLogic } from '../../hardware/model.js';
import { Sender } from './sender.js';

const BAR = 0;
const ENTRIES = 32;
/** Bytes of an entry of the table with the messages of the private sources. */
const STRIDE = 16;
const STORE = 0x1000;
const ADDRESS_LOW = 0;
const ADDRESS_HIGH = 4;
const DATA = 8;
const CONTROL = 12;
const MASKED = 1 << 0;

export const REGULAR_BAR = { index: BAR, size: 0x4000, widths: [4] } as const;

/** The registers of the private sources, for a variant driver. */
export const REGULAR_SOURCES = {
  bar: BAR,
  offset: STORE,
  entries: ENTRIES,
  stride: STRIDE,
  addressLow: ADDRESS_LOW,
  addressHigh: ADDRESS_HIGH,
  data: DATA,
  mask: { offset: CONTROL, bits: MASKED },
} as const;

const TABLE = { width: 4, count: ENTRIES, stride: STRIDE } as const;
/** The message of each private source, and its mask bit and pending bit. */
const SOURCES = defineRegisters('wlan', {
  low: { ...TABLE, offset: STORE + ADDRESS_LOW },
  high: { ...TABLE, offset: STORE + ADDRESS_HIGH },
  data: { ...TABLE, offset: STORE + DATA },
  control: {
    ...TABLE,
    offset: STORE + CONTROL,
    fields: { masked: 0, pending: { bits: 1, access: 'ro' } },
    reset: MASKED,
  },
});

/**
 * The wireless adapter with a table of private sources at 0x1000. The other registers are those of
 * {@link Sender}.
 */
export class RegularWlan implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #sender: Sender;
  readonly #table = modelRegisters(SOURCES);

  constructor(host: DeviceHost) {
    this.#sender = new Sender(host, ENTRIES, (source) => {
      this.#raise(source);
    });
    this.#table.regs.control.onWrite((_value, _before, source) => {
      this.#sendPending(source);
    });
    this.registers = { [BAR]: [...this.#sender.registers, ...this.#table.registers] };
  }

  reset(): void {
    this.#table.reset();
    this.#sender.reset();
  }

  #raise(source: number): void {
    if (source >= ENTRIES) return;
    this.#table.regs.control.at(source).update({ pending: 1 });
    this.#sendPending(source);
  }

  /** Sends the current message of a private source if the source is pending and not masked. */
  #sendPending(source: number): void {
    const { low, high, data, control } = this.#table.regs;
    const state = control.at(source);
    const { masked, pending } = state.read();
    if (masked === 1 || pending === 0) return;
    state.update({ pending: 0 });
    this.#sender.send({
      low: low.at(source).value,
      high: high.at(source).value,
      data: data.at(source).value,
    });
  }
}
