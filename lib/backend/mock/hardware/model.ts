import type { Width } from '../../../contract/index.js';
import type { ProfileOptions } from '../machine/profile.js';
import type { FunctionShape } from './shape.js';

export type * from './shape.js';

/** What an imitated PCI function is: its configuration space, and what makes it work. */
export interface DeviceModel {
  /** It is opened as `'mock:'` and this name: letters, digits, `-` and `_`. */
  readonly name: string;
  readonly shape: FunctionShape;
  /** The kernel behind it, as far as a name does not say. */
  readonly kernel?: ProfileOptions | undefined;
  /** Called once for each device that is opened: what it holds is as after power-on. */
  create(host: DeviceHost): DeviceLogic;
}

/** Fields of a shape that may be left out of a definition: they are 0 then, and the list empty. */
export type OptionalField =
  'subsystemVendorId' | 'subsystemId' | 'revision' | 'interruptPin' | 'capabilities';

/** A model as it is written down. */
export interface ModelDefinition extends Omit<DeviceModel, 'shape'> {
  readonly shape: Omit<FunctionShape, OptionalField> & Partial<Pick<FunctionShape, OptionalField>>;
}

/** The logic of one device. */
export interface DeviceLogic {
  /** Registers and memory of each BAR, by its index. They do not overlap. */
  readonly registers: Readonly<Record<number, readonly (Register | MemoryBlock)[]>>;
  /** A function level reset, or one of the bus. Configuration space is not its business. */
  reset(): void;
}

/**
 * A register. A read reaches all registers it covers, each once, and takes the bytes it asks for.
 * A write reaches the register that begins where it begins, and no other.
 */
export type Register = NarrowRegister | WideRegister;

/** What every register has. */
export interface RegisterPlace {
  /** Bytes from the start of the BAR, a multiple of the width. */
  readonly offset: number;
  readonly name: string;
  /** If given, it answers only to these widths, and only at its offset. */
  readonly widths?: readonly Width[];
}

/** A register of 1, 2 or 4 bytes. */
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

/** A register of 8 bytes. */
export interface WideRegister extends RegisterPlace {
  readonly width: 8;
  /** Without it the register reads as 0. */
  readonly read?: () => bigint;
  /**
   * Without it writes are dropped.
   * @param value - of a narrower write, filled up with zeros
   * @param width - bytes that were written
   */
  readonly write?: (value: bigint, width: Width) => void;
  /** A write that begins at its upper half. Without it such writes are dropped. */
  readonly writeHigh?: (value: number, width: Width) => void;
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
   * Reads memory of the host, through the IOMMU. What was transferred before a fault stays.
   *
   * @param address - IOVA
   * @throws DmaFault where nothing is mapped for it or not for reading, for a PASID that nobody
   *   attached, and while bus mastering is off
   */
  dmaRead(address: bigint, into: Uint8Array, options?: TransferOptions): void;
  /**
   * As {@link DeviceHost.dmaRead}, to memory. 4 bytes to 0xfee0_0000 and on without a PASID are no
   * DMA but an interrupt message, as on an x86 host.
   */
  dmaWrite(address: bigint, from: Uint8Array, options?: TransferOptions): void;
  /** Whether MSI-X or MSI is enabled: then the pin is not used. */
  readonly messages: boolean;
  /** Sends the message of a vector, if messages are enabled: MSI-X, else MSI. */
  signal(vector: number): void;
  /** Sets the level of the interrupt pin. */
  setPin(asserted: boolean): void;
  /**
   * Does something later: on the next turn, after a register is read, or when somebody waits.
   *
   * @param ms - how long it takes, by the device's clock; 0, the default, is no time at all
   */
  defer(work: () => void, ms?: number): void;
}

/** Whose memory a transfer reaches. */
export interface TransferOptions {
  /** Process address space of the transfer, 20 bits. Default: a transfer without a PASID. */
  readonly pasid?: number | undefined;
}
