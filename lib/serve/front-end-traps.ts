import { hex } from '../checks.js';
import type { InterruptFrontEnd } from '../contract/front-end.js';
import type { MessageIndex } from '../contract/message.js';
import { MSIX_ENTRY_SIZE, pbaSize } from '../contract/msix-table.js';
import {
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { type Capability, DECODERS, walkCapabilities } from '../pci/index.js';
import type { Trap } from './options.js';

const REGION = VFIO_PCI_CONFIG_REGION_INDEX;
/** Conventional capabilities are in this part of configuration space. */
const CONFIG_SIZE = 256;
const CAPABILITIES_POINTER = 0x34;
const INTERRUPT_PIN = 0x3d;
/** The id and the next pointer of a capability. Both belong to configuration space. */
const HEADER = 2;
const MSIX_SIZE = 12;
const MESSAGE_CONTROL = 2;
const MSI_BITS_64 = 0x80;
const MSI_PER_VECTOR_MASKING = 0x100;

/** The device below the traps of a front end, as a client sees the device. */
export interface FrontEndDevice {
  /** The first 256 bytes of configuration space. */
  readonly config: Uint8Array;
  /** Returns the size of a BAR in bytes. */
  readonly barSize: (bar: number) => bigint;
}

/**
 * Returns the traps by which a front end replaces the interrupts of a device: the capabilities MSI
 * and MSI-X except their headers, the pending bits, and the interrupt pin. The traps also hide the
 * capabilities that the front end lacks.
 *
 * @throws {@link VfioError} ENOENT if the device lacks a capability, or the interrupt pin, of the
 *   front end; EINVAL if the capability or the MSI-X structures of the front end do not fit
 */
export function frontEndTraps(frontEnd: InterruptFrontEnd, device: FrontEndDevice): Trap[] {
  const { config } = device;
  const has = (index: number) => frontEnd.getIrqInfo(index).count > 0;
  const all = walkCapabilities(config).filter(({ extended }) => !extended);
  const traps: Trap[] = [];
  if (has(VFIO_PCI_MSI_IRQ_INDEX)) {
    const size = msiSize(frontEnd.configRead('msi', MESSAGE_CONTROL, 2));
    traps.push(capabilityTrap(frontEnd, 'msi', size, all));
  }
  if (has(VFIO_PCI_MSIX_IRQ_INDEX)) {
    traps.push(capabilityTrap(frontEnd, 'msix', MSIX_SIZE, all), pendingTrap(frontEnd, device));
  }
  const isHidden = ({ name }: Capability) =>
    (name === 'msi' && !has(VFIO_PCI_MSI_IRQ_INDEX)) ||
    (name === 'msix' && !has(VFIO_PCI_MSIX_IRQ_INDEX));
  traps.push(...hidingTraps(config, all, isHidden));
  const pin = config[INTERRUPT_PIN] ?? 0;
  const hasIntx = has(VFIO_PCI_INTX_IRQ_INDEX);
  if (hasIntx && pin === 0) failAbsent('interrupt pin', 'INTx');
  if (!hasIntx && pin !== 0) traps.push(constantTrap(INTERRUPT_PIN, 1, 0));
  return traps;
}

function capabilityTrap(
  frontEnd: InterruptFrontEnd,
  name: MessageIndex,
  size: number,
  all: readonly Capability[],
): Trap {
  const title = name === 'msi' ? 'MSI' : 'MSI-X';
  const { offset } =
    all.find((one) => one.name === name) ?? failAbsent(`${title} capability`, title);
  const next = all.find((one) => one.offset > offset && one.offset < offset + size);
  if (next !== undefined || offset + size > CONFIG_SIZE) {
    fail(
      `the ${title} capability at ${hex(offset)} has no room for the ${size} bytes of interrupts`,
    );
  }
  return {
    region: REGION,
    offset: offset + HEADER,
    size: size - HEADER,
    read: (at, width) => frontEnd.configRead(name, at + HEADER, width as 1 | 2 | 4),
    write: (at, width, value) => {
      frontEnd.configWrite(name, at + HEADER, width as 1 | 2 | 4, value as number);
    },
  };
}

/** Returns the trap of the pending bits of MSI-X. Writes are dropped. */
function pendingTrap(frontEnd: InterruptFrontEnd, { barSize }: FrontEndDevice): Trap {
  const capability = new Uint8Array(MSIX_SIZE);
  const view = new DataView(capability.buffer);
  for (let at = 0; at < MSIX_SIZE; at += 4) {
    view.setUint32(at, frontEnd.configRead('msix', at, 4), true);
  }
  const { vectors, table, pba } = DECODERS.msix(capability, 0);
  const size = pbaSize(vectors);
  for (const [what, { bir, offset }, length] of [
    ['table', table, vectors * MSIX_ENTRY_SIZE],
    ['pending bits', pba, size],
  ] as const) {
    if (barSize(bir) >= BigInt(offset + length)) continue;
    fail(
      `the MSI-X ${what} of interrupts end at ${hex(offset + length)}, ` +
        `but BAR ${bir} of the device has ${barSize(bir)} bytes`,
    );
  }
  return {
    region: pba.bir,
    offset: pba.offset,
    size,
    read: (at, width) => (width === 8 ? frontEnd.pbaRead(at, 8) : frontEnd.pbaRead(at, width)),
    write: () => undefined,
  };
}

/** Returns traps that read 0 in place of hidden capabilities, and links past them. */
function hidingTraps(
  config: Uint8Array,
  all: readonly Capability[],
  isHidden: (capability: Capability) => boolean,
): Trap[] {
  const hidden = all.filter(isHidden);
  if (hidden.length === 0) return [];
  const shown = all.filter((capability) => !isHidden(capability)).map(({ offset }) => offset);
  const links = [CAPABILITIES_POINTER, ...shown.map((offset) => offset + 1)];
  const linkTraps = links.flatMap((link, i) => {
    const target = shown[i] ?? 0;
    return ((config[link] ?? 0) & ~3) === target ? [] : [constantTrap(link, 1, target)];
  });
  const view = new DataView(config.buffer, config.byteOffset);
  const sizeOf = ({ name, offset }: Capability) =>
    name === 'msi' ? msiSize(view.getUint16(offset + MESSAGE_CONTROL, true)) : MSIX_SIZE;
  return [...linkTraps, ...hidden.map((one) => constantTrap(one.offset, sizeOf(one), 0))];
}

/** Returns a trap for read-only bytes of configuration space. @param value - the value of each read */
function constantTrap(offset: number, size: number, value: number): Trap {
  return { region: REGION, offset, size, read: () => value, write: () => undefined };
}

/** Returns the size of an MSI capability in bytes, rounded up to a multiple of 4. */
function msiSize(control: number): number {
  const isWide = (control & MSI_BITS_64) !== 0;
  return 12 + (isWide ? 4 : 0) + ((control & MSI_PER_VECTOR_MASKING) === 0 ? 0 : 8);
}

function failAbsent(what: string, name: string): never {
  throw new VfioError({
    code: 'ENOENT',
    message: `the option interrupts has ${name}, but the device has no ${what}`,
    hint: `Serve interrupts without ${name}, or trap configuration space and add the capability.`,
  });
}

function fail(message: string): never {
  throw new VfioError({ code: 'EINVAL', message });
}
