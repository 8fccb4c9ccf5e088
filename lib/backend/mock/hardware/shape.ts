import type { Width } from '../../../contract/index.js';
import type { PlainCapability } from './plain-capabilities.js';

export type { PlainCapability, PlainName } from './plain-capabilities.js';

/** A PCI function as its configuration space declares it. */
export interface FunctionShape {
  /** 16 bits, as the next three ids. */
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** 24 bits: base class, sub class, programming interface. */
  readonly classCode: number;
  readonly revision: number;
  /** 1 for INTA# to 4 for INTD#; 0 for a function without a pin. */
  readonly interruptPin: 0 | 1 | 2 | 3 | 4;
  readonly bars: readonly BarShape[];
  readonly rom?: RomShape | undefined;
  /** Capabilities in the order of their lists. */
  readonly capabilities: readonly CapabilityShape[];
  /** Whether the host has a method to reset the function. Default: true. */
  readonly resets?: boolean | undefined;
  /**
   * Whether this is a virtual function of SR-IOV. Its memory is always decoded, and it has no pin.
   * Default: false.
   */
  readonly virtual?: boolean | undefined;
  /** Registers for the messages of private interrupt sources. A variant driver programs them. */
  readonly sources?: SourceRegisters | undefined;
  /** Configuration space of 256 or 4096 bytes, which replaces the one that the fields declare. */
  readonly image?: ConfigImage | undefined;
}

/** 32-bit registers of a memory BAR for the messages of private interrupt sources. */
export interface SourceRegisters extends BarPlace {
  /** Number of sources. Each has one entry. */
  readonly entries: number;
  /** Bytes from one entry to the next. */
  readonly stride: number;
  /** Offset of the low address word, in bytes from the start of an entry. */
  readonly addressLow: number;
  /** Offset of the high address word. */
  readonly addressHigh: number;
  /** Offset of the data word. */
  readonly data: number;
  /** Mask bits of a source: the offset of their word, and the bits. */
  readonly mask: { readonly offset: number; readonly bits: number };
}

/** Configuration space of a real device. */
export interface ConfigImage {
  readonly bytes: Uint8Array;
  /** Writable bits that differ from the specification, by offset. */
  readonly writable?: ReadonlyMap<number, Uint8Array> | undefined;
}

/** A base address register, and how the device responds to accesses. */
export interface BarShape {
  /** 0 to 5. */
  readonly index: number;
  /** Bytes, a power of two from 16 on; I/O ports: from 4 to 256. */
  readonly size: number;
  /** Default: memory. */
  readonly kind?: 'memory' | 'io' | undefined;
  /** A 64-bit BAR also occupies the next index. Default: 32. */
  readonly bits?: 32 | 64 | undefined;
  readonly prefetchable?: boolean | undefined;
  /**
   * Widths of accesses that the device accepts. Reads of other widths return 0, and writes of other
   * widths are dropped. Default: all.
   */
  readonly widths?: readonly Width[] | undefined;
  /** Widest write that the device gets: wider writes are split. Default: 8. */
  readonly split?: Width | undefined;
  /** Value of bytes outside of registers. Default: 0x00. */
  readonly elsewhere?: 0x00 | 0xff | undefined;
}

/** The expansion ROM. */
export interface RomShape {
  /** Bytes of the BAR, a power of two from 2048 on. */
  readonly size: number;
  readonly image: Uint8Array;
}

/** Place of a capability. */
export interface CapabilityPlace {
  /**
   * A multiple of 4, from 0x40 on. Extended capabilities begin at 0x100, where the first one must
   * be.
   */
  readonly offset: number;
}

/** A capability with the values of its registers. Names are those of `config.capabilities()`. */
export type CapabilityShape =
  | (CapabilityPlace & { readonly name: 'pm' })
  | MsiCapability
  | MsixCapability
  | ExpressCapability
  /** Function level reset of a conventional function. */
  | (CapabilityPlace & { readonly name: 'af' })
  /** Vital product data, which a driver accesses 4 bytes at a time. */
  | (CapabilityPlace & { readonly name: 'vpd'; readonly data: Uint8Array })
  /** A vendor's capability; `bytes` follow its id, link and length. */
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

/** The MSI-X capability. The mock itself implements table and pending bits in a memory BAR. */
export interface MsixCapability extends CapabilityPlace {
  readonly name: 'msix';
  /** 1 to 2048. */
  readonly vectors: number;
  readonly table: BarPlace;
  readonly pba: BarPlace;
}

/** Makes the function a PCI Express endpoint with 4096 bytes of configuration space. */
export interface ExpressCapability extends CapabilityPlace {
  readonly name: 'pcie';
  /** Default: 2. */
  readonly version?: 1 | 2 | undefined;
  /** Whether it has function level reset. Default: true. */
  readonly flr?: boolean | undefined;
}

/** A vendor's extended capability. */
export interface VendorCapability {
  /** The vendor's number of the capability, 16 bits. */
  readonly id: number;
  /** 4 bits. Default: 0. */
  readonly revision?: number | undefined;
  /** Bytes after the header. */
  readonly bytes: Uint8Array;
}

/** A place in a BAR. */
export interface BarPlace {
  /** 0 to 5. */
  readonly bar: number;
  /** Bytes, a multiple of 8. */
  readonly offset: number;
}
