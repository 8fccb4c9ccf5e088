import type { Width } from '../../contract.js';

/** What an imitated PCI function is: its configuration space, and what makes it work. */
export interface DeviceModel {
  /** It is opened as `'mock:'` and this name. */
  readonly name: string;
  readonly shape: FunctionShape;
  /** Called once for each device that is opened. */
  create(host: DeviceHost): DeviceLogic;
}

/** Configuration space, by what it declares. */
export interface FunctionShape {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** 24 bits: base class, sub class, programming interface. */
  readonly classCode: number;
  readonly revision: number;
  /** 1 for INTA# to 4 for INTD#; 0 if it has no pin. */
  readonly interruptPin: 0 | 1 | 2 | 3 | 4;
  readonly bars: readonly BarShape[];
  /** In the order of the linked list. */
  readonly capabilities: readonly CapabilityShape[];
}

/** A memory BAR. */
export interface BarShape {
  readonly index: number;
  /** Bytes, a power of two from 16 on. */
  readonly size: number;
  /** A 64-bit BAR takes the next index as well. */
  readonly bits: 32 | 64;
  /** Widths the device answers to; others read as 0 and are dropped. Default: all. */
  readonly widths?: readonly Width[];
  /** What bytes read as that are no register. Default: 0x00. */
  readonly elsewhere?: 0x00 | 0xff;
}

/** A capability at an offset of configuration space, a multiple of 4 from 0x40 on. */
export type CapabilityShape =
  | { readonly name: 'pm'; readonly offset: number }
  /** With 64-bit addresses and without masks. */
  | { readonly name: 'msi'; readonly offset: number; readonly vectors: 1 | 2 | 4 | 8 | 16 | 32 }
  | MsixShape
  /** Makes the function an endpoint of PCI Express, with 4096 bytes of configuration space. */
  | { readonly name: 'pcie'; readonly offset: number };

export interface MsixShape {
  readonly name: 'msix';
  readonly offset: number;
  /** 1 to 2048. */
  readonly vectors: number;
  readonly table: BarPlace;
  readonly pba: BarPlace;
}

export interface BarPlace {
  readonly bar: number;
  /** Bytes, a multiple of 8. */
  readonly offset: number;
}

/** The logic of one device. */
export interface DeviceLogic {
  /** Registers of each BAR, by its index. */
  readonly registers: ReadonlyMap<number, readonly Register[]>;
  /** A function level reset. */
  reset(): void;
}

/**
 * A register. A read reaches all registers it covers, each once, and takes the bytes it asks for.
 * A write reaches the register that begins where it begins, and no other.
 */
export type Register = NarrowRegister | WideRegister;

interface RegisterPlace {
  /** Bytes from the start of the BAR, a multiple of the width. */
  readonly offset: number;
  readonly name: string;
  /** If given, it answers only to these widths, and only at its offset. */
  readonly widths?: readonly Width[];
}

export interface NarrowRegister extends RegisterPlace {
  readonly width: 1 | 2 | 4;
  /** Without it the register reads as 0. */
  readonly read?: () => number;
  /**
   * Without it writes are dropped.
   * @param value - cut, or filled up with zeros, to the width of the register
   * @param width - bytes that were written
   */
  readonly write?: (value: number, width: Width) => void;
}

export interface WideRegister extends RegisterPlace {
  readonly width: 8;
  readonly read?: () => bigint;
  readonly write?: (value: bigint, width: Width) => void;
}

/** What the machine does for a device. */
export interface DeviceHost {
  /**
   * DMA. What was transferred before a fault stays.
   * @throws DmaFault where the IOMMU has no mapping for it, and while bus mastering is off
   */
  dmaRead(address: bigint, into: Uint8Array): void;
  dmaWrite(address: bigint, from: Uint8Array): void;
  /** Whether MSI-X or MSI is enabled: then the pin is not used. */
  readonly messages: boolean;
  /** Sends the message of a vector, if messages are enabled. */
  signal(vector: number): void;
  /** Sets the level of the interrupt pin. */
  setPin(asserted: boolean): void;
  /** Does something later: on the next turn, after a register is read, or when somebody waits. */
  defer(work: () => void): void;
}

/** A transfer that the IOMMU, or a bus master that is off, did not let through. */
export class DmaFault extends Error {
  override readonly name = 'DmaFault';
  readonly address: bigint;

  constructor(address: bigint, reason: 'not mapped' | 'not permitted' | 'no bus master') {
    super(`DMA at 0x${address.toString(16)}: ${reason}`);
    this.address = address;
  }
}
