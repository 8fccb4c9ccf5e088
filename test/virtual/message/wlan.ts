import type { ExecutionContext } from 'ava';
import { MessageStore, openDeviceSync, type PciDevice, type RegisterWindow } from 'vfio/mock';

/** Registers of mock:wlan. */
export const RAISE = 0x08;
export const SENT = 0x10;
export const STORE = 0x1000;
export const LAYOUT = {
  name: 'wlan',
  stride: 16,
  addressLow: 0,
  addressHigh: 4,
  data: 8,
  mask: { offset: 12, bits: 1 },
} as const;
export const ENTRIES = 32;

export interface Wlan {
  readonly device: PciDevice;
  readonly registers: RegisterWindow;
  readonly store: MessageStore;
  /** Raises the interrupt of a private source of the device. */
  readonly raise: (source: number) => void;
}

let opened = 0;

/** Opens a device with a message store, on a kernel with or without MSI_NOVIRT. */
export function openWlan(t: ExecutionContext, settings = ''): Wlan {
  const device = openDeviceSync(`mock:wlan#${opened++}?${settings}`);
  t.teardown(() => {
    device.close();
  });
  device.config.update('command', { memory: 1, bus_master: 1 });
  if (device.messages.novirt.state === 'available') device.messages.novirt.enable();
  const registers = device.bar(0).map();
  const store = new MessageStore(device, {
    layout: LAYOUT,
    entries: ENTRIES,
    place: { region: 0, offset: STORE },
  });
  const raise = (source: number) => {
    registers.write32(RAISE, source);
    // This read returns only after the device has executed the write.
    registers.read32(SENT);
  };
  return { device, registers, store, raise };
}

/** Reads the eventfds of vectors and returns the counts. */
export function taken(...vectors: { eventfd: { read(): bigint } }[]): bigint[] {
  return vectors.map(({ eventfd }) => eventfd.read());
}
