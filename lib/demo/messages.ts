import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, type PciDevice, type Vector, VfioError } from '../index.js';
import type { DemoReport } from './report.js';

/** The message that a driver in a guest writes to the MSI registers of the device. */
const VIRTUAL: Message = { address: 0xfee0_0000n, data: 0x4041 };
/** Time limit for the arrival of all interrupts, in ms. */
const INTERRUPT_TIMEOUT_MS = 5000;
/** Time to wait for surplus interrupts, in ms. */
const SURPLUS_WAIT_MS = 50;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const toText = ({ address, data }: Message): string => `${hex(address)} / ${hex(data)}`;
/** The address is text, because JSON numbers cannot hold every 64-bit value exactly. */
const toJson = ({ address, data }: Message) => ({ address: hex(address), data });

/** Writes the virtual message to the MSI registers, like a driver in a guest. */
export function writeVirtualMessage({ config }: PciDevice): void {
  config.set('msi.address', Number(VIRTUAL.address));
  if (config.fields('msi.control').address_64 === 1) config.set('msi.address_high', 0);
  config.set('msi.data', VIRTUAL.data);
}

/**
 * Checks a device that keeps a private copy of its MSI message. The report contains the virtual
 * message of the MSI registers and the physical message. The report also counts how often the
 * private copy raised the vector.
 *
 * @param vector - MSI vector 0, requested with `{ counts: true }`
 * @param writes - how many times the device sends the physical message
 * @param send - makes the device send the physical message once
 */
export async function checkMessages(
  device: PciDevice,
  vector: Vector,
  writes: number,
  send: (message: Message) => Promise<void>,
): Promise<DemoReport> {
  const { config, messages } = device;
  const { address, data } = config.details('msi') ?? VIRTUAL;
  const virtual = { address, data };
  const { kernel } = device.connection;
  const label = ['message', `virtual ${toText(virtual)}`] as const;
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
        virtual: toJson(virtual),
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
  const end = Date.now() + INTERRUPT_TIMEOUT_MS;
  while (fired < writes && Date.now() < end) await sleep(1);
  await sleep(SURPLUS_WAIT_MS);
  vector.off('interrupt', onInterrupt);
  const { method, remapped } = physical;
  return {
    ok: fired === writes,
    data: {
      kernel,
      road: method,
      virtual: toJson(virtual),
      physical: { ...toJson(physical), remapped },
      writes,
      fired,
    },
    lines: [
      label,
      ['physical', `${toText(physical)}, by ${method}, remapped: ${remapped}`],
      ['private copy', `sent ${writes} times, the vector fired ${fired} times`],
    ],
  };
}
