import { setTimeout as sleep } from 'node:timers/promises';
import { type MessageStore, openDevice, type PciDevice, type RegisterWindow } from 'vfio';

/** Registers of an Intel 82574 (datasheet, section 10). */
const CAUSE = 0xc0;
const CAUSE_SET = 0xc8;
const MASK_SET = 0xd0;
const ALLOCATION = 0xe4;
const RECEIVE_QUEUE_0 = 1 << 20;
/** Value of the allocation register with which receive queue 0 raises vector 0. */
const QUEUE_0_BY_VECTOR_0 = 1 << 3;

/** Layout of an MSI-X table, for use with a `MessageStore`. */
export const MSIX_LAYOUT: MessageStore['layout'] = {
  name: 'msix',
  stride: 16,
  addressLow: 0,
  addressHigh: 4,
  data: 8,
  mask: { offset: 12, bits: 1 },
};

/**
 * QEMU's e1000e network card. The card sends real interrupt messages, and software can raise its
 * interrupts.
 */
export class E1000e {
  readonly device: PciDevice;
  readonly #registers: RegisterWindow;

  private constructor(device: PciDevice) {
    this.device = device;
    this.#registers = device.bar(0).map();
    this.#registers.write32(ALLOCATION, QUEUE_0_BY_VECTOR_0);
    this.#registers.write32(MASK_SET, RECEIVE_QUEUE_0);
  }

  static async open(): Promise<E1000e> {
    const device = await openDevice(process.env.VFIO_LAB_E1000E ?? '');
    device.config.update('command', { memory: 1, bus_master: 1 });
    return new E1000e(device);
  }

  /** Raises vector 0 once. */
  async raise(): Promise<void> {
    this.#registers.write32(CAUSE, 0xffff_ffff);
    this.#registers.write32(CAUSE_SET, RECEIVE_QUEUE_0);
    // QEMU sends the message immediately, but the guest's kernel needs some time to handle the
    // interrupt.
    await sleep(20);
    this.#registers.write32(CAUSE, 0xffff_ffff);
  }
}
