import { openDevice, type PciDevice, registerModel, type RegisterWindow } from 'vfio/mock';
import type { FiringDevice, FireResult } from './firing-device.js';

const TABLE = 0x8000;
const PBA = 0x10000;
const FIRE = 0;
const BY_PIN = 4;

registerModel({
  name: 'firing',
  shape: {
    vendorId: 0x1234,
    deviceId: 0x0be1,
    classCode: 0xff0000,
    interruptPin: 1,
    bars: [{ index: 0, size: 0x20000 }],
    capabilities: [
      {
        name: 'msix',
        offset: 0x40,
        vectors: 2048,
        table: { bar: 0, offset: TABLE },
        pba: { bar: 0, offset: PBA },
      },
      { name: 'pcie', offset: 0x80 },
    ],
  },
  create(host) {
    let byPin = 0;
    const fire = (vector: number) => {
      if (host.messagesEnabled) {
        host.signal(vector);
        return;
      }
      byPin++;
      host.setPin(true);
      host.setPin(false);
    };
    return {
      registers: {
        0: [
          { offset: FIRE, width: 4, name: 'fire', write: fire },
          { offset: BY_PIN, width: 4, name: 'fired by pin', read: () => byPin },
        ],
      },
      reset: () => undefined,
    };
  },
});

/** A mock device with 2,048 vectors. A write to a register fires a vector. */
export class MockFiringDevice implements FiringDevice {
  readonly #registers: RegisterWindow;

  private constructor(readonly device: PciDevice) {
    device.config.update('command', { memory: 1, bus_master: 1 });
    this.#registers = device.bar(0).map();
  }

  static async open(): Promise<MockFiringDevice> {
    return new MockFiringDevice(await openDevice('mock:firing'));
  }

  fire(vectors: readonly number[]): FireResult {
    const before = this.#registers.read32(BY_PIN);
    for (const vector of vectors) this.#registers.write32(FIRE, vector);
    const byPin = this.#registers.read32(BY_PIN) - before;
    return { byMessage: byPin === 0 ? vectors : [], byPin };
  }

  [Symbol.dispose](): void {
    this.device.close();
  }
}
