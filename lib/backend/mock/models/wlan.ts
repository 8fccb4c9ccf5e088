import { defineModel } from './define.js';
import type { DeviceHost, DeviceLogic, NarrowRegister } from '../hardware/model.js';
import { DmaFault } from '../machine/dma-fault.js';

const REGISTERS = 0;
const ENTRIES = 32;
/**
 * Table with the messages of the device's private interrupt sources. The size of an entry is 16
 * bytes.
 */
const STORE = { bar: REGISTERS, offset: 0x1000, entries: ENTRIES, stride: 16 } as const;
const ADDRESS_LOW = 0;
const ADDRESS_HIGH = 4;
const DATA = 8;
const CONTROL = 12;
const MASKED = 1 << 0;
const PENDING = 1 << 1;

/**
 * A wireless adapter, similar to the adapters of the driver ath11k. The device has MSI with 32
 * vectors, and an interrupt controller with 32 interrupt sources of its own (private sources). The
 * driver writes a message to the registers of each private source. The device sends this message
 * unchanged. If the driver has written a wrong message, the interrupt is lost.
 *
 * - 0x00, identification: 0x574c0001
 * - 0x04, private sources: 32
 * - 0x08, raise: writing n raises private source n
 * - 0x0c, raise vector: writing n sends MSI vector n
 * - 0x10, sent: number of messages that private sources have sent
 * - 0x14, faults: number of messages that failed because of an IOMMU fault, or because bus
 *   mastering is disabled
 * - 0x1000 + 16 n: address low, address high, data and control of private source n. In the control
 *   register, bit 0 masks the source, and bit 1 is the read-only pending bit.
 */
export const wlan = defineModel({
  name: 'wlan',
  shape: {
    vendorId: 0x1234,
    deviceId: 0x574c,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    classCode: 0x028000,
    interruptPin: 1,
    bars: [{ index: REGISTERS, size: 0x4000, widths: [4] }],
    capabilities: [
      { name: 'pm', offset: 0x40 },
      { name: 'msi', offset: 0x50, vectors: 32 },
      { name: 'pcie', offset: 0x70 },
    ],
    sources: {
      ...STORE,
      addressLow: ADDRESS_LOW,
      addressHigh: ADDRESS_HIGH,
      data: DATA,
      mask: { offset: CONTROL, bits: MASKED },
    },
  },
  // The driver reads a valid MSI message from the MSI registers. This needs MSI_NOVIRT.
  kernel: { novirt: true },
  create: (host) => new WlanDevice(host),
});

interface Source {
  low: number;
  high: number;
  data: number;
  masked: boolean;
  pending: boolean;
}

class WlanDevice implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #host: DeviceHost;
  #sources: Source[] = [];
  #sent = 0;
  #faults = 0;

  constructor(host: DeviceHost) {
    this.#host = host;
    this.reset();
    const fixed = (offset: number, name: string, read: () => number): NarrowRegister => ({
      offset,
      name,
      width: 4,
      read,
    });
    const command = (offset: number, name: string, write: (value: number) => void) =>
      ({ offset, name, width: 4, write }) satisfies NarrowRegister;
    this.registers = {
      [REGISTERS]: [
        fixed(0x00, 'identification', () => 0x574c_0001),
        fixed(0x04, 'private sources', () => ENTRIES),
        command(0x08, 'raise', (source) => {
          host.defer(() => {
            this.#raise(source);
          });
        }),
        command(0x0c, 'raise vector', (vector) => {
          host.defer(() => {
            host.signal(vector);
          });
        }),
        fixed(0x10, 'sent', () => this.#sent),
        fixed(0x14, 'faults', () => this.#faults),
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
    this.#sent = 0;
    this.#faults = 0;
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
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, source.data, true);
    try {
      this.#host.dmaWrite((BigInt(source.high) << 32n) | BigInt(source.low), data);
      this.#sent++;
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      this.#faults++;
    }
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
