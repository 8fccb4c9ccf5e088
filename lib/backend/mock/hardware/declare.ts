import type { BarShape, FunctionShape } from './shape.js';
import * as pci from './pci.js';
import { encodeCapability, type Encoded } from './encode.js';

/**
 * Addresses of BARs, as firmware assigns them. Memory BARs are placed downwards from these
 * addresses. I/O port BARs are placed upwards.
 */
const MEMORY_END = 0xfe00_0000;
const HIGH_MEMORY = 0x38_0000_0000n;
const FIRST_PORT = 0xc000;

/** Returns the configuration space that a shape declares. */
export function declareConfig(shape: FunctionShape): Uint8Array {
  const express = shape.capabilities.some(({ name }) => name === 'pcie');
  const size = express ? pci.PCI_CFG_SPACE_EXP_SIZE : pci.PCI_CFG_SPACE_SIZE;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(pci.PCI_VENDOR_ID, shape.vendorId, true);
  view.setUint16(pci.PCI_DEVICE_ID, shape.deviceId, true);
  view.setUint32(pci.PCI_CLASS_REVISION, shape.classCode * 0x100 + shape.revision, true);
  view.setUint16(pci.PCI_SUBSYSTEM_VENDOR_ID, shape.subsystemVendorId, true);
  view.setUint16(pci.PCI_SUBSYSTEM_ID, shape.subsystemId, true);
  view.setUint8(pci.PCI_INTERRUPT_PIN, shape.interruptPin);
  // If a function has an interrupt pin, the firmware of a PC assigns an interrupt line.
  if (shape.interruptPin !== 0) view.setUint8(pci.PCI_INTERRUPT_LINE, 10);
  declareBars(shape, view);
  declareCapabilities(shape, bytes, view);
  return bytes;
}

function declareBars({ bars, rom }: FunctionShape, view: DataView): void {
  let low = MEMORY_END;
  let high = HIGH_MEMORY;
  let port = FIRST_PORT;
  const allocateBelow = (size: number) => (low = Math.floor((low - size) / size) * size);
  for (const { index, size, kind, bits, prefetchable = false } of bars) {
    const offset = pci.PCI_BASE_ADDRESS_0 + 4 * index;
    if (kind === 'io') {
      port = Math.ceil(port / size) * size;
      view.setUint32(offset, port | pci.PCI_BASE_ADDRESS_SPACE_IO, true);
      port += size;
      continue;
    }
    const flags = barFlags({ bits, prefetchable });
    if (bits === 64 && size > 2 ** 28) {
      high = ((high + BigInt(size) - 1n) / BigInt(size)) * BigInt(size);
      view.setBigUint64(offset, high | BigInt(flags), true);
      high += BigInt(size);
    } else {
      view.setUint32(offset, allocateBelow(size) + flags, true);
    }
  }
  if (rom !== undefined) view.setUint32(pci.PCI_ROM_ADDRESS, allocateBelow(rom.size), true);
}

/** Returns the type bits of a memory BAR. */
export function barFlags({ bits, prefetchable }: Pick<BarShape, 'bits' | 'prefetchable'>): number {
  const wide = bits === 64 ? pci.PCI_BASE_ADDRESS_MEM_TYPE_64 : 0;
  return wide | (prefetchable === true ? pci.PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
}

function declareCapabilities(shape: FunctionShape, bytes: Uint8Array, view: DataView): void {
  let link = pci.PCI_CAPABILITY_LIST;
  let extended: number | null = null;
  for (const capability of shape.capabilities) {
    const { offset } = capability;
    const encoded = encodeCapability(capability);
    bytes.set(encoded.bytes, offset);
    if (encoded.extended) {
      view.setUint32(offset, extendedHeader(encoded), true);
      if (extended !== null)
        view.setUint32(extended, view.getUint32(extended, true) + offset * 2 ** 20, true);
      extended = offset;
    } else {
      view.setUint8(link, offset);
      view.setUint8(offset, encoded.id);
      link = offset + pci.PCI_CAP_LIST_NEXT;
    }
  }
  const listed = view.getUint8(pci.PCI_CAPABILITY_LIST) !== 0;
  view.setUint16(pci.PCI_STATUS, listed ? pci.PCI_STATUS_CAP_LIST : 0, true);
}

/**
 * Returns the id and the version of an extended capability. The version of AER is 2; the version of
 * every other extended capability is 1.
 */
function extendedHeader({ id }: Encoded): number {
  return id | ((id === pci.PCI_EXT_CAP_ID_ERR ? 2 : 1) << 16);
}
