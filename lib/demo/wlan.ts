import { MessageStore, type PciDevice } from '../index.js';
import { checkMessages, writeVirtualMessage } from './messages.js';
import type { DemoReport } from './report.js';

/** Registers of mock:wlan. */
const RAISE = 0x08;
const RAISE_VECTOR = 0x0c;
const STORE = 0x1000;
const SOURCES = 32;
const SOURCE = 5;
const WRITES = 100;

/**
 * Drives a WLAN card that has its own interrupt controller. The demo writes the MSI message to the
 * interrupt controller of the card.
 */
export async function wlanDemo(device: PciDevice): Promise<DemoReport> {
  device.config.update('command', { memory: 1, bus_master: 1 });
  writeVirtualMessage(device);
  using registers = device.bar(0).map();
  using vector = device.interrupts.msi.request(0, { counts: true });

  const first = vector.next();
  registers.write32(RAISE_VECTOR, 0);
  const byVector = await first;

  using store = new MessageStore(device, {
    layout: {
      name: 'wlan',
      stride: 16,
      addressLow: 0,
      addressHigh: 4,
      data: 8,
      mask: { offset: 12, bits: 1 },
    },
    entries: SOURCES,
    place: { region: 0, offset: STORE },
  });
  const messages = await checkMessages(device, vector, WRITES, async () => {
    if (store.source(SOURCE) === undefined) store.fill(SOURCE, { index: 'msi', vector: 0 });
    registers.write32(RAISE, SOURCE);
    await Promise.resolve();
  });
  return {
    ok: messages.ok && byVector === 1n,
    data: messages.data,
    lines: [['interrupts', `${byVector} by MSI vector 0`], ...messages.lines],
  };
}
