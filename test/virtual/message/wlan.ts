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

/** The window of mock:wlan?layout=irregular, and the offsets of its messages in the window. */
export const WINDOW = { region: 0, offset: 0x80000, size: 0x80000 } as const;
export const PAGE = 0x310c;
export const IRREGULAR = [
  0x48, 0x3048, 0x30a0, 0x5048, 0x50a0, 0x6048, 0xb048, 0xb0a0, 0xe048, 0x34968, 0x34a70, 0x3849c,
  0x385a4,
] as const;
export const IRREGULAR_LAYOUT = {
  name: 'irregular',
  addressLow: 0,
  addressHigh: { offset: 4, bits: 0xff },
  data: 8,
  mask: { offset: 4, bits: 0x100, inverted: true },
} as const;

let opened = 0;

/** Opens a device with a message store, on a kernel with or without MSI_NOVIRT. */
export function openWlan(t: ExecutionContext, settings = ''): Wlan {
  const wlan = openCard(t, settings);
  const store = new MessageStore(wlan.device, {
    layout: LAYOUT,
    entries: ENTRIES,
    place: { region: 0, offset: STORE },
  });
  return { ...wlan, store };
}

/** Opens a device whose messages are at irregular offsets of a window. */
export function openIrregular(t: ExecutionContext, settings = ''): Wlan {
  const wlan = openCard(t, `layout=irregular&${settings}`);
  const store = new MessageStore(wlan.device, {
    layout: IRREGULAR_LAYOUT,
    entries: IRREGULAR,
    place: { region: WINDOW.region, offset: WINDOW.offset },
  });
  return { ...wlan, store };
}

/** Opens a device without a message store. */
export function openCard(t: ExecutionContext, settings: string): Omit<Wlan, 'store'> {
  const device = openDeviceSync(`mock:wlan#${opened++}?${settings}`);
  t.teardown(() => {
    device.close();
  });
  device.config.update('command', { memory: 1, bus_master: 1 });
  if (device.messages.novirt.state === 'available') device.messages.novirt.enable();
  const registers = device.bar(0).map();
  const raise = (source: number) => {
    registers.write32(RAISE, source);
    // This read returns only after the device has executed the write.
    registers.read32(SENT);
  };
  return { device, registers, raise };
}

/** Reads the eventfds of vectors and returns the counts. */
export function taken(...vectors: { eventfd: { read(): bigint } }[]): bigint[] {
  return vectors.map(({ eventfd }) => eventfd.read());
}
