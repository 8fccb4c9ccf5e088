import type { Width } from '../../../contract/index.js';
import type { ProfileOptions } from '../machine/profile.js';
import type { FunctionShape } from './shape.js';

export type * from './shape.js';

/** A model of a PCI function: its configuration space, and the logic of its registers. */
export interface DeviceModel {
  /** Letters, digits, `-` and `_`. The device is opened as `'mock:<name>'`. */
  readonly name: string;
  readonly shape: FunctionShape;
  /** Default settings of the kernel. Settings in the name of a device override these defaults. */
  readonly kernel?: ProfileOptions | undefined;
  /**
   * Other register layouts of the model, by name. The setting `layout` in the name of a device
   * selects a layout. Only models of the library have other layouts.
   */
  readonly layouts?: Readonly<Record<string, DeviceModel>> | undefined;
  /**
   * Creates the logic of one device, in the state after power-on. The first open of a device calls
   * this function.
   */
  create(host: DeviceHost): DeviceLogic;
}

/**
 * Optional fields of a definition. The default of a number is 0; the default of a list is the empty
 * list.
 */
export type OptionalField =
  'subsystemVendorId' | 'subsystemId' | 'revision' | 'interruptPin' | 'capabilities';

/** A device model as a program defines it, with optional fields. */
export interface ModelDefinition extends Omit<DeviceModel, 'shape' | 'layouts'> {
  readonly shape: Omit<FunctionShape, OptionalField> & Partial<Pick<FunctionShape, OptionalField>>;
}

/** The logic of one device. */
export interface DeviceLogic {
  /**
   * Registers and memory blocks of each BAR, by BAR index. Registers and memory blocks must not
   * overlap.
   */
  readonly registers: Readonly<Record<number, readonly (Register | MemoryBlock)[]>>;
  /** Resets the device. The mock itself resets MSI, MSI-X and the interrupt pin. */
  reset(): void;
}

/**
 * A register. A read access calls the `read` function of each register in the range of the access
 * once. A write access calls only one `write` function: the function of the register that begins at
 * the offset of the access.
 */
export type Register = NarrowRegister | WideRegister;

/** Place and name of a register. */
export interface RegisterPlace {
  /** Bytes from the start of the BAR, a multiple of the width. */
  readonly offset: number;
  readonly name: string;
  /**
   * Widths of accesses, in bytes. If `widths` is set, the register responds only to accesses that
   * have one of these widths and begin at the register's offset. Default: all widths.
   */
  readonly widths?: readonly Width[] | undefined;
}

/** A register of 1, 2 or 4 bytes. */
export interface NarrowRegister extends RegisterPlace {
  readonly width: 1 | 2 | 4;
  /** Returns the value. Default: 0. */
  readonly read?: (() => number) | undefined;
  /**
   * Accepts a write. Default: writes are dropped.
   *
   * @param value - the written value, truncated or zero-extended to the width of the register
   * @param width - width of the access in bytes
   */
  readonly write?: ((value: number, width: Width) => void) | undefined;
}

/** A register of 8 bytes. */
export interface WideRegister extends RegisterPlace {
  readonly width: 8;
  /** Returns the value. Default: 0. */
  readonly read?: (() => bigint) | undefined;
  /**
   * Accepts a write. Default: writes are dropped.
   *
   * @param value - the written value; the value of a narrower write is zero-extended to 64 bits
   * @param width - width of the access in bytes
   */
  readonly write?: ((value: bigint, width: Width) => void) | undefined;
  /**
   * Handles a write that begins at the upper half of the register. Default: writes to the upper
   * half are dropped.
   */
  readonly writeHigh?: ((value: number, width: Width) => void) | undefined;
}

/**
 * Memory in a BAR: a read returns the bytes that were last written. With `load` and `store`, the
 * logic of the device serves the accesses to the block instead.
 */
export interface MemoryBlock {
  /** Bytes from the start of the BAR, a multiple of 8. */
  readonly offset: number;
  readonly name: string;
  /**
   * Size in bytes, a multiple of 8. Bytes that were never accessed use no memory of the process.
   */
  readonly size: number;
  /** Contents after power-on, from the start of the block. Default: zeros. */
  readonly contents?: Uint8Array | undefined;
  /**
   * Reads a part of the block. A model has both `load` and `store`, or neither.
   *
   * @param offset - bytes from the start of the block, a multiple of `width`
   */
  readonly load?: ((offset: number, width: 1 | 2 | 4) => number) | undefined;
  /** Writes a part of the block. The mock divides an access of 8 bytes into two halves. */
  readonly store?: ((offset: number, width: 1 | 2 | 4, value: number) => void) | undefined;
}

/** Services that the machine offers to the logic of a device. */
export interface DeviceHost {
  /**
   * Reads memory of the host through the IOMMU. After a fault, `into` contains the bytes before the
   * faulting address.
   *
   * @param address - IOVA
   * @throws DmaFault if an address is not mapped for reading, if the PASID is not attached, if bus
   *   mastering is disabled, or if a test makes the transfer fail
   */
  dmaRead(address: bigint, into: Uint8Array, options?: TransferOptions): void;
  /**
   * Writes memory of the host through the IOMMU. As on an x86 host, a write of 4 bytes without a
   * PASID is an interrupt message if the address is from 0xfee0_0000 to 0xfeef_ffff.
   *
   * @throws DmaFault if an address is not mapped for writing, if the PASID is not attached, if bus
   *   mastering is disabled, or if a test makes the transfer fail
   */
  dmaWrite(address: bigint, from: Uint8Array, options?: TransferOptions): void;
  /**
   * Whether MSI-X or MSI is enabled. If messages are enabled, the device must not use its interrupt
   * pin.
   */
  readonly messagesEnabled: boolean;
  /**
   * Sends the message of a vector by MSI-X or MSI. If MSI-X and MSI are disabled, the call has no
   * effect.
   */
  signal(vector: number): void;
  /** Sets the level of the interrupt pin. */
  setPin(asserted: boolean): void;
  /**
   * Defers work. Work that is due runs on the next turn of the event loop, after a read of a
   * register, or while a program waits for interrupts.
   *
   * @param ms - delay in milliseconds of the device's clock, from 0 to 2^31 - 1, default 0
   */
  defer(work: () => void, ms?: number): void;
}

/** Address space of a DMA transfer. */
export interface TransferOptions {
  /** PASID of the transfer, 20 bits. Default: the transfer has no PASID. */
  readonly pasid?: number | undefined;
}
