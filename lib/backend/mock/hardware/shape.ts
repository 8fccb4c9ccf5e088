import type { Width } from '../../../contract/index.js';
import type { PlainCapability } from './plain-capabilities.js';

export type { PlainCapability, PlainName } from './plain-capabilities.js';

/** The properties of a PCI function that its configuration space declares. */
export interface FunctionShape {
  /** 16 bits, as for the device id, the subsystem vendor id and the subsystem id. */
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** 24 bits: base class, sub class, programming interface. */
  readonly classCode: number;
  readonly revision: number;
  /** Interrupt pin: 1 is INTA#, 4 is INTD#, and 0 means that the function has no interrupt pin. */
  readonly interruptPin: 0 | 1 | 2 | 3 | 4;
  readonly bars: readonly BarShape[];
  readonly rom?: RomShape | undefined;
  /** Capabilities, in the order of the linked list in configuration space. */
  readonly capabilities: readonly CapabilityShape[];
  /** Whether the host can reset the function. Default: true. */
  readonly resets?: boolean | undefined;
  /**
   * Whether this function is an SR-IOV virtual function. A virtual function has no interrupt pin,
   * and its memory decode is always enabled. Default: false.
   */
  readonly virtual?: boolean | undefined;
  /**
   * Registers for the messages of private interrupt sources. The message of a private source is in
   * a register of the device, not in the MSI or MSI-X registers. A variant driver programs these
   * registers.
   */
  readonly sources?: SourceRegisters | undefined;
  /**
   * Configuration space of 256 or 4096 bytes. If present, the image replaces the configuration
   * space that the other fields declare.
   */
  readonly image?: ConfigImage | undefined;
}

/**
 * A table of 32-bit registers in a memory BAR. Each entry contains the message of one private
 * interrupt source.
 */
export interface SourceRegisters extends BarPlace {
  /** Number of private interrupt sources. Each source has one entry. */
  readonly entries: number;
  /** Bytes from the start of one entry to the start of the next entry. */
  readonly stride: number;
  /** Offset of the low address word, in bytes from the start of an entry. */
  readonly addressLow: number;
  /** Offset of the high address word, in bytes from the start of an entry. */
  readonly addressHigh: number;
  /** Offset of the data word, in bytes from the start of an entry. */
  readonly data: number;
  /** The bits that mask a source, and the offset of the word that contains these bits. */
  readonly mask: { readonly offset: number; readonly bits: number };
}

/** Configuration space of a real device. */
export interface ConfigImage {
  readonly bytes: Uint8Array;
  /**
   * Masks of writable bits, by offset. A register is listed only if its writable bits differ from
   * the specification.
   */
  readonly writable?: ReadonlyMap<number, Uint8Array> | undefined;
}

/** A base address register, and how the device responds to accesses. */
export interface BarShape {
  /** 0 to 5. */
  readonly index: number;
  /** Size in bytes, a power of two: at least 16 for memory, from 4 to 256 for I/O ports. */
  readonly size: number;
  /** Default: memory. */
  readonly kind?: 'memory' | 'io' | undefined;
  /** Width of the address. A 64-bit BAR also occupies the next index. Default: 32. */
  readonly bits?: 32 | 64 | undefined;
  readonly prefetchable?: boolean | undefined;
  /**
   * Widths of the accesses that the device accepts. A read of any other width returns 0. A write of
   * any other width is dropped. Default: all widths.
   */
  readonly widths?: readonly Width[] | undefined;
  /** Maximum width of a write to the device. Wider writes are split. Default: 8. */
  readonly split?: Width | undefined;
  /** Value of each byte that does not belong to a register. Default: 0x00. */
  readonly elsewhere?: 0x00 | 0xff | undefined;
}

/** The expansion ROM. */
export interface RomShape {
  /** Size of the ROM BAR in bytes, a power of two, at least 2048. */
  readonly size: number;
  readonly image: Uint8Array;
}

/** Location of a capability in configuration space. */
export interface CapabilityPlace {
  /**
   * Offset in configuration space, a multiple of 4, at least 0x40. The offset of the first extended
   * capability must be 0x100.
   */
  readonly offset: number;
}

/**
 * A capability with the values of its registers. Capabilities have the same names as in
 * `config.capabilities()`.
 */
export type CapabilityShape =
  | (CapabilityPlace & { readonly name: 'pm' })
  | MsiCapability
  | MsixCapability
  | ExpressCapability
  /** Function level reset of a conventional function. */
  | (CapabilityPlace & { readonly name: 'af' })
  /** Vital product data, which a driver accesses 4 bytes at a time. */
  | (CapabilityPlace & { readonly name: 'vpd'; readonly data: Uint8Array })
  /** A vendor's capability. `bytes` are the bytes after id, link and length. */
  | (CapabilityPlace & { readonly name: 'vendor_specific'; readonly bytes: Uint8Array })
  | (CapabilityPlace & { readonly name: 'aer' })
  | (CapabilityPlace & { readonly name: 'serial_number'; readonly value: bigint })
  | (CapabilityPlace & VendorCapability & { readonly name: 'vsec' })
  | (CapabilityPlace & VendorCapability & { readonly name: 'dvsec'; readonly vendor: number })
  | (CapabilityPlace & PlainCapability);

/** The MSI capability. */
export interface MsiCapability extends CapabilityPlace {
  readonly name: 'msi';
  readonly vectors: 1 | 2 | 4 | 8 | 16 | 32;
  /** Width of addresses. Default: 64. */
  readonly bits?: 32 | 64 | undefined;
  /** Whether each vector has a mask bit. Default: false. */
  readonly maskable?: boolean | undefined;
}

/**
 * The MSI-X capability. The mock implements the MSI-X table and the pending bit array in a memory
 * BAR.
 */
export interface MsixCapability extends CapabilityPlace {
  readonly name: 'msix';
  /** 1 to 2048. */
  readonly vectors: number;
  readonly table: BarPlace;
  readonly pba: BarPlace;
}

/**
 * The PCI Express capability of an endpoint. A function with this capability has 4096 bytes of
 * configuration space.
 */
export interface ExpressCapability extends CapabilityPlace {
  readonly name: 'pcie';
  /** Default: 2. */
  readonly version?: 1 | 2 | undefined;
  /** Whether the function has function level reset (FLR). Default: true. */
  readonly flr?: boolean | undefined;
}

/** A vendor's extended capability. */
export interface VendorCapability {
  /** Number that the vendor assigns to the capability, 16 bits. */
  readonly id: number;
  /** 4 bits. Default: 0. */
  readonly revision?: number | undefined;
  /** The bytes that follow the header. */
  readonly bytes: Uint8Array;
}

/** A BAR and an offset in this BAR. */
export interface BarPlace {
  /** 0 to 5. */
  readonly bar: number;
  /** Bytes from the start of the BAR, a multiple of 8. */
  readonly offset: number;
}
