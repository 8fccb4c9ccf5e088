import type { Width } from '../../../contract/index.js';
import type { ProfileOptions } from '../machine/profile.js';
import type { FunctionShape } from './shape.js';

export type * from './shape.js';

/** A model of a PCI function: its configuration space, and the logic of its registers. */
export interface DeviceModel {
  /** Letters, digits, `-` and `_`. The device is opened as `'mock:<name>'`. */
  readonly name: string;
  readonly shape: FunctionShape;
  /** Settings of the kernel, for those that the name of a device does not give. */
  readonly kernel?: ProfileOptions | undefined;
  /** Makes the logic of one device. The first open calls it; the state is that after power-on. */
  create(host: DeviceHost): DeviceLogic;
}

/** Fields that a definition may leave out. The default is 0, and an empty list. */
export type OptionalField =
  'subsystemVendorId' | 'subsystemId' | 'revision' | 'interruptPin' | 'capabilities';

/** A device model as a program defines it, with optional fields. */
export interface ModelDefinition extends Omit<DeviceModel, 'shape'> {
  readonly shape: Omit<FunctionShape, OptionalField> & Partial<Pick<FunctionShape, OptionalField>>;
}

/** The logic of one device. */
export interface DeviceLogic {
  /** Registers and memory blocks of each BAR, by its index. They must not overlap. */
  readonly registers: Readonly<Record<number, readonly (Register | MemoryBlock)[]>>;
  /** Resets the device. The mock resets MSI, MSI-X and the interrupt pin itself. */
  reset(): void;
}

/**
 * A register. A read calls `read` once for each register that it overlaps. A write calls `write` of
 * the register that begins at the offset of the write, and no other.
 */
export type Register = NarrowRegister | WideRegister;

/** Place and name of a register. */
export interface RegisterPlace {
  /** Bytes from the start of the BAR, a multiple of the width. */
  readonly offset: number;
  readonly name: string;
  /**
   * Widths of accesses, in bytes. If given, the register responds to these widths alone, and only
   * at its own offset. Default: all widths.
   */
  readonly widths?: readonly Width[];
}

/** A register of 1, 2 or 4 bytes. */
export interface NarrowRegister extends RegisterPlace {
  readonly width: 1 | 2 | 4;
  /** Returns the value. Default: 0. */
  readonly read?: () => number;
  /**
   * Accepts a write. Default: writes are dropped.
   *
   * @param value - truncated, or extended with zeros, to the width of the register
   * @param width - width of the access in bytes
   */
  readonly write?: (value: number, width: Width) => void;
}

/** A register of 8 bytes. */
export interface WideRegister extends RegisterPlace {
  readonly width: 8;
  /** Returns the value. Default: 0. */
  readonly read?: () => bigint;
  /**
   * Accepts a write. Default: writes are dropped.
   *
   * @param value - a narrower write is extended with zeros
   * @param width - width of the access in bytes
   */
  readonly write?: (value: bigint, width: Width) => void;
  /** Accepts a write that begins at the upper half. Default: such writes are dropped. */
  readonly writeHigh?: (value: number, width: Width) => void;
}

/** Memory in a BAR: a read returns what was written. */
export interface MemoryBlock {
  /** Bytes from the start of the BAR, a multiple of 8. */
  readonly offset: number;
  readonly name: string;
  /** Bytes, a multiple of 8. Bytes that were never accessed use no memory of the process. */
  readonly size: number;
  /** Contents after power-on, from the start of the block. Default: zeros. */
  readonly contents?: Uint8Array | undefined;
}

/** Services of the machine for the logic of a device. */
export interface DeviceHost {
  /**
   * Reads memory of the host through the IOMMU. Bytes that were read before a fault stay in `into`.
   *
   * @param address - IOVA
   * @throws DmaFault for an address that is not mapped for reading, for a PASID that is not
   *   attached, and while bus mastering is off
   */
  dmaRead(address: bigint, into: Uint8Array, options?: TransferOptions): void;
  /**
   * Writes memory of the host through the IOMMU, with the faults of {@link DeviceHost.dmaRead}. A
   * write of 4 bytes without a PASID to an address from 0xfee0_0000 to 0xfeef_ffff is an interrupt
   * message, as on an x86 host.
   */
  dmaWrite(address: bigint, from: Uint8Array, options?: TransferOptions): void;
  /** Whether MSI-X or MSI is enabled. A device then uses messages instead of its pin. */
  readonly messagesEnabled: boolean;
  /** Sends the message of a vector by MSI-X or MSI, whichever is enabled; else it does nothing. */
  signal(vector: number): void;
  /** Sets the level of the interrupt pin. */
  setPin(asserted: boolean): void;
  /**
   * Defers work. Due work runs on the next turn of the event loop, after a read of a register, or
   * while a program waits for interrupts.
   *
   * @param ms - delay by the clock of the device, 0 to 2^31 - 1; default 0
   */
  defer(work: () => void, ms?: number): void;
}

/** Address space of a DMA transfer. */
export interface TransferOptions {
  /** PASID of the transfer, 20 bits. Default: a transfer without a PASID. */
  readonly pasid?: number | undefined;
}
