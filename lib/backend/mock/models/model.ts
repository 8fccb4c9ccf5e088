import type { Width } from '../../contract.js';
import type { FunctionShape } from './shape.js';

export type * from './shape.js';

/** What an imitated PCI function is: its configuration space, and what makes it work. */
export interface DeviceModel {
  /** It is opened as `'mock:'` and this name. */
  readonly name: string;
  readonly shape: FunctionShape;
  /** Called once for each device that is opened. */
  create(host: DeviceHost): DeviceLogic;
}

/** The logic of one device. */
export interface DeviceLogic {
  /** Registers and memory of each BAR, by its index. */
  readonly registers: ReadonlyMap<number, readonly (Register | MemoryBlock)[]>;
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

/** Memory of the device: what is written is read back. */
export interface MemoryBlock {
  /** Bytes from the start of the BAR, a multiple of 8. */
  readonly offset: number;
  readonly name: string;
  /** Bytes, a multiple of 8; what was never written takes no memory and reads as zeros. */
  readonly size: number;
  /** What it holds at first. */
  readonly contents?: Uint8Array | undefined;
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
