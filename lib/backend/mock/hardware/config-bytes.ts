import type { Width } from '../../contract.js';
import type { CapabilityShape, FunctionShape } from '../models/model.js';
import * as pci from '../pci.js';

/** What QEMU lets a driver write of the command register of a function without I/O BARs. */
const COMMAND_WRITABLE =
  pci.PCI_COMMAND_IO |
  pci.PCI_COMMAND_MEMORY |
  pci.PCI_COMMAND_MASTER |
  pci.PCI_COMMAND_SERR |
  pci.PCI_COMMAND_INTX_DISABLE;

/** Bytes that the function has of each capability. */
const LENGTH = { pm: 8, msi: 14, msix: 12, pcie: 0x3c } as const;
const ID = {
  pm: pci.PCI_CAP_ID_PM,
  msi: pci.PCI_CAP_ID_MSI,
  msix: pci.PCI_CAP_ID_MSIX,
  pcie: pci.PCI_CAP_ID_EXP,
} as const;

/** Where the firmware of the machine put the first BAR. */
const FIRST_ADDRESS = 0xfe80_0000;

/**
 * Configuration space as the function has it: its bytes, and which bits of them a write changes.
 * What belongs to no capability keeps what is written, as in QEMU's devices.
 */
export class ConfigBytes {
  readonly size: number;
  readonly #bytes: DataView;
  readonly #writable: DataView;

  constructor(shape: FunctionShape) {
    const express = shape.capabilities.some(({ name }) => name === 'pcie');
    this.size = express ? pci.PCI_CFG_SPACE_EXP_SIZE : pci.PCI_CFG_SPACE_SIZE;
    this.#bytes = new DataView(new ArrayBuffer(this.size));
    this.#writable = new DataView(new ArrayBuffer(this.size));
    new Uint8Array(this.#writable.buffer).fill(0xff, pci.PCI_STD_HEADER_SIZEOF);
    this.#declareHeader(shape);
    this.#declareBars(shape);
    let link = pci.PCI_CAPABILITY_LIST;
    for (const capability of shape.capabilities) {
      this.set(link, 1, capability.offset);
      link = capability.offset + pci.PCI_CAP_LIST_NEXT;
      this.#declareCapability(capability);
    }
  }

  /** A naturally aligned read. */
  get(offset: number, width: 1 | 2 | 4): number {
    return load(this.#bytes, offset, width);
  }

  /** A naturally aligned write from the bus. */
  write(offset: number, width: 1 | 2 | 4, value: number): void {
    const writable = load(this.#writable, offset, width);
    this.set(offset, width, (this.get(offset, width) & ~writable) | (value & writable));
  }

  /** What the function itself puts there. */
  set(offset: number, width: 1 | 2 | 4, value: number): void {
    store(this.#bytes, offset, width, value);
  }

  #allow(offset: number, width: 1 | 2 | 4, bits: number): void {
    store(this.#writable, offset, width, bits);
  }

  #declareHeader(shape: FunctionShape): void {
    this.set(pci.PCI_VENDOR_ID, 2, shape.vendorId);
    this.set(pci.PCI_DEVICE_ID, 2, shape.deviceId);
    this.#allow(pci.PCI_COMMAND, 2, COMMAND_WRITABLE);
    this.set(pci.PCI_STATUS, 2, shape.capabilities.length > 0 ? pci.PCI_STATUS_CAP_LIST : 0);
    this.set(pci.PCI_CLASS_REVISION, 4, shape.classCode * 0x100 + shape.revision);
    this.#allow(pci.PCI_CACHE_LINE_SIZE, 1, 0xff);
    this.set(pci.PCI_SUBSYSTEM_VENDOR_ID, 2, shape.subsystemVendorId);
    this.set(pci.PCI_SUBSYSTEM_ID, 2, shape.subsystemId);
    this.#allow(pci.PCI_INTERRUPT_LINE, 1, 0xff);
    this.set(pci.PCI_INTERRUPT_PIN, 1, shape.interruptPin);
  }

  #declareBars(shape: FunctionShape): void {
    let free = FIRST_ADDRESS;
    for (const { index, size, bits } of shape.bars) {
      const offset = pci.PCI_BASE_ADDRESS_0 + 4 * index;
      const address = Math.ceil(free / size) * size;
      this.set(offset, 4, address + (bits === 64 ? pci.PCI_BASE_ADDRESS_MEM_TYPE_64 : 0));
      this.#allow(offset, 4, -size);
      if (bits === 64) this.#allow(offset + 4, 4, -1);
      free = address + size;
    }
  }

  #declareCapability(capability: CapabilityShape): void {
    const { name, offset } = capability;
    for (let i = 0; i < LENGTH[name]; i++) this.#allow(offset + i, 1, 0);
    this.set(offset, 1, ID[name]);
    switch (name) {
      case 'pm':
        this.set(offset + pci.PCI_PM_PMC, 2, 3);
        this.set(offset + pci.PCI_PM_CTRL, 2, pci.PCI_PM_CTRL_NO_SOFT_RESET);
        this.#allow(offset + pci.PCI_PM_CTRL, 2, pci.PCI_PM_CTRL_STATE_MASK);
        break;
      case 'msi': {
        const log2 = Math.log2(capability.vectors);
        this.set(offset + pci.PCI_MSI_FLAGS, 2, pci.PCI_MSI_FLAGS_64BIT | (log2 << 1));
        const size = log2 === 0 ? 0 : pci.PCI_MSI_FLAGS_QSIZE;
        this.#allow(offset + pci.PCI_MSI_FLAGS, 2, pci.PCI_MSI_FLAGS_ENABLE | size);
        this.#allow(offset + pci.PCI_MSI_ADDRESS_LO, 4, ~3);
        this.#allow(offset + pci.PCI_MSI_ADDRESS_HI, 4, ~0);
        this.#allow(offset + pci.PCI_MSI_DATA_64, 2, 0xffff);
        break;
      }
      case 'msix': {
        const { vectors, table, pba } = capability;
        this.set(offset + pci.PCI_MSIX_FLAGS, 2, vectors - 1);
        this.#allow(
          offset + pci.PCI_MSIX_FLAGS,
          2,
          pci.PCI_MSIX_FLAGS_ENABLE | pci.PCI_MSIX_FLAGS_MASKALL,
        );
        this.set(offset + pci.PCI_MSIX_TABLE, 4, table.offset | table.bar);
        this.set(offset + pci.PCI_MSIX_PBA, 4, pba.offset | pba.bar);
        break;
      }
      case 'pcie':
        // Version 2, endpoint, 2.5 GT/s, one lane, as QEMU's devices behind a root port.
        this.set(offset + pci.PCI_EXP_FLAGS, 2, 0x0002);
        this.set(offset + pci.PCI_EXP_DEVCAP, 4, pci.PCI_EXP_DEVCAP_RBER | pci.PCI_EXP_DEVCAP_FLR);
        this.set(offset + pci.PCI_EXP_LNKCAP, 4, 0x411);
        this.set(offset + pci.PCI_EXP_LNKSTA, 2, 0x11);
        this.set(offset + pci.PCI_EXP_DEVCAP2, 4, 0x0030_0000);
        this.#allow(offset + pci.PCI_EXP_DEVCTL2, 2, 0x8000);
        break;
    }
  }
}

/** A little-endian value of 1, 2 or 4 bytes, unsigned. */
export function load(view: DataView, offset: number, width: 1 | 2 | 4): number {
  if (width === 4) return view.getUint32(offset, true);
  return width === 2 ? view.getUint16(offset, true) : view.getUint8(offset);
}

export function store(view: DataView, offset: number, width: Width, value: number): void {
  if (width === 4) view.setUint32(offset, value, true);
  else if (width === 2) view.setUint16(offset, value, true);
  else view.setUint8(offset, value);
}
