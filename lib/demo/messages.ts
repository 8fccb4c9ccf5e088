import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, type PciDevice, type Vector, VfioError } from '../index.js';
import type { DemoReport } from './report.js';

/** What a driver writes to the MSI registers if it thinks that it owns them. */
const VIRTUAL: Message = { address: 0xfee0_0000n, data: 0x4041 };
/** How long an interrupt may take to arrive. */
const PATIENCE_MS = 5000;
/** How long one that must not come is waited for. */
const SILENCE_MS = 50;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const inText = ({ address, data }: Message): string => `${hex(address)} / ${hex(data)}`;
/** Addresses of 64 bits are no numbers of JSON. */
const inJson = ({ address, data }: Message) => ({ address: hex(address), data });

/** Writes the virtual message as a guest's driver would, while the registers take it. */
export function writeVirtual({ config }: PciDevice): void {
  config.set('msi.address', Number(VIRTUAL.address));
  if (config.fields('msi.control').address_64 === 1) config.set('msi.address_high', 0);
  config.set('msi.data', VIRTUAL.data);
}

/**
 * The story of a device that keeps a copy of its MSI message: what the registers show, what the
 * message is, and whether the copy raises the vector.
 *
 * @param vector - MSI vector 0, with counts
 * @param writes - how often the device shall send the copy
 * @param send - has the device send it once, from wherever it keeps it
 */
export async function tellMessages(
  device: PciDevice,
  vector: Vector,
  writes: number,
  send: (message: Message) => Promise<void>,
): Promise<DemoReport> {
  const { config, messages } = device;
  const { address, data } = config.details('msi') ?? VIRTUAL;
  const virtual = { address, data };
  const { kernel } = device.connection;
  const label = ['message', `virtual ${inText(virtual)}`] as const;
  try {
    messages.novirt.enable();
  } catch (error) {
    if (!(error instanceof VfioError && error.code === 'ENOTSUP')) throw error;
    const { reason } = messages.support.msi;
    return {
      ok: true,
      data: {
        kernel,
        road: null,
        reason,
        virtual: inJson(virtual),
        physical: null,
        writes: 0,
        fired: 0,
      },
      lines: [label, ['physical', `cannot be read: ${reason}`]],
    };
  }
  const physical = messages.read('msi', vector.index);
  let fired = 0;
  const onInterrupt = (count: bigint) => {
    fired += Number(count);
  };
  vector.on('interrupt', onInterrupt);
  for (let n = 0; n < writes; n++) await send(physical);
  const end = Date.now() + PATIENCE_MS;
  while (fired < writes && Date.now() < end) await sleep(1);
  await sleep(SILENCE_MS);
  vector.off('interrupt', onInterrupt);
  const { road, remapped } = physical;
  return {
    ok: fired === writes,
    data: {
      kernel,
      road,
      virtual: inJson(virtual),
      physical: { ...inJson(physical), remapped },
      writes,
      fired,
    },
    lines: [
      label,
      ['physical', `${inText(physical)}, by ${road}, remapped: ${remapped}`],
      ['private copy', `sent ${writes} times, the vector fired ${fired} times`],
    ],
  };
}
