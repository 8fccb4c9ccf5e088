/** Virtual interrupts for mock:serve-card. */
import type { ExecutionContext } from 'ava';
import {
  type DeviceServer,
  SoftwareSource,
  VirtualIrqs,
  type VirtualIrqsOptions,
  VirtualMsi,
  type VirtualMsiOptions,
  VirtualMsix,
} from '../../lib/index.js';
import { CONFIG } from './guest-nvme.js';
import { COMMANDS, type RawClient, words } from './raw-client.js';
import { startServer } from './support.js';

/** Offset of the pending bits in BAR 0. */
export const PBA = 2048;
/** Offset of Message Control in the capabilities MSI and MSI-X. */
export const CONTROL = 2;

/** The MSI-X of mock:serve-card. */
export const CARD_SHAPE = {
  vectors: 20,
  table: { bar: 0, offset: 1024 },
  pba: { bar: 0, offset: PBA },
};

export function virtualMsix() {
  const msix = new VirtualMsix(CARD_SHAPE);
  const software = new SoftwareSource(msix);
  software.emulate(0, 20);
  return { msix, software };
}

export function virtualMsi(options: Partial<VirtualMsiOptions> = {}) {
  const msi = new VirtualMsi({ vectors: 32, maskable: true, ...options });
  const software = new SoftwareSource(msi);
  software.emulate(0, 32);
  return { msi, software };
}

export async function serveCard(
  t: ExecutionContext,
  name: string,
  irqs: VirtualIrqsOptions,
): Promise<DeviceServer> {
  const interrupts = new VirtualIrqs(irqs);
  return startServer(t, `mock:serve-card#${name}`, { interrupts });
}

export const read16 = async (client: RawClient, offset: number) =>
  (await client.read(CONFIG, offset, 2)).readUInt16LE();

/** Returns the ids of the capabilities in the order of their list. */
export async function listCapabilities(client: RawClient): Promise<number[]> {
  const config = await client.read(CONFIG, 0, 256);
  const ids: number[] = [];
  for (let at = config.readUInt8(0x34); at !== 0; at = config.readUInt8(at + 1)) {
    ids.push(config.readUInt8(at));
  }
  return ids;
}

export async function counts(client: RawClient): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < 5; index++) {
    const { payload } = await client.request(COMMANDS.getIrqInfo, words(16, 0, index, 0));
    found.push(payload.readUInt32LE(12));
  }
  return found;
}
