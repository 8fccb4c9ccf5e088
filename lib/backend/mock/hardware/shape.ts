import type { Width } from '../../../contract/index.js';
import type { PlainCapability } from './plain-capabilities.js';

export type { PlainCapability, PlainName } from './plain-capabilities.js';

/** Configuration space, by what it declares. */
export interface FunctionShape {
  /** 16 bits each, as the next three. */
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
  readonly rom?: RomShape | undefined;
  /** In the order of their lists. */
  readonly capabilities: readonly CapabilityShape[];
  /** Whether something can reset the function. Default: true. */
  readonly resets?: boolean | undefined;
  /** A virtual function of SR-IOV: its memory is always decoded, and it has no pin. */
  readonly virtual?: boolean | undefined;
  /** Where it keeps messages of interrupt sources of its own: a variant driver programs them. */
  readonly sources?: SourceRegisters | undefined;
  /** 256 or 4096 bytes, instead of what the fields above would make. */
  readonly image?: ConfigImage | undefined;
}

/** Registers with the messages of private interrupt sources, 32-bit words, in a memory BAR. */
export interface SourceRegisters extends BarPlace {
  /** How many sources. */
  readonly entries: number;
  /** Bytes from one entry to the next. */
  readonly stride: number;
  /** Words, in bytes from the start of an entry. */
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly data: number;
  /** The bits of a word that silence a source, and keep what it raises. */
  readonly mask: { readonly offset: number; readonly bits: number };
}

/** Configuration space as it was seen. */
export interface ConfigImage {
  readonly bytes: Uint8Array;
  /** Bits a write changes, where they are not those of the specification; by offset. */
  readonly writable?: ReadonlyMap<number, Uint8Array> | undefined;
}

/** A base address register, and how the device behind it answers. */
export interface BarShape {
  /** 0 to 5. */
  readonly index: number;
  /** Bytes, a power of two from 16 on; I/O ports: from 4 to 256. */
  readonly size: number;
  /** Default: memory. */
  readonly kind?: 'memory' | 'io' | undefined;
  /** A 64-bit BAR takes the next index as well. Default: 32. */
  readonly bits?: 32 | 64 | undefined;
  readonly prefetchable?: boolean | undefined;
  /** Widths the device answers to; others read as 0 and are dropped. Default: all. */
  readonly widths?: readonly Width[] | undefined;
  /** Wider writes reach the device as several of this width. Default: 8. */
  readonly split?: Width | undefined;
  /** What bytes read as that are no register. Default: 0x00. */
  readonly elsewhere?: 0x00 | 0xff | undefined;
}

/** The expansion ROM. */
export interface RomShape {
  /** Bytes of the BAR, a power of two from 2048 on. */
  readonly size: number;
  readonly image: Uint8Array;
}

/** Where a capability stands. */
export interface Placed {
  /** A multiple of 4, from 0x40 on; from 0x100 on in the extended list, whose first is there. */
  readonly offset: number;
}

/** A capability with what its registers say. Names are those of `config.capabilities()`. */
export type CapabilityShape =
  | (Placed & { readonly name: 'pm' })
  | MsiCapability
  | MsixCapability
  | ExpressCapability
  /** Function level reset of a conventional function. */
  | (Placed & { readonly name: 'af' })
  /** Vital product data, behind a window of 4 bytes. */
  | (Placed & { readonly name: 'vpd'; readonly data: Uint8Array })
  /** What follows its id, link and length. */
  | (Placed & { readonly name: 'vendor_specific'; readonly bytes: Uint8Array })
  | (Placed & { readonly name: 'aer' })
  | (Placed & { readonly name: 'serial_number'; readonly value: bigint })
  | (Placed & VendorCapability & { readonly name: 'vsec' })
  | (Placed & VendorCapability & { readonly name: 'dvsec'; readonly vendor: number })
  | (Placed & PlainCapability);

/** MSI. */
export interface MsiCapability extends Placed {
  readonly name: 'msi';
  readonly vectors: 1 | 2 | 4 | 8 | 16 | 32;
  /** Width of addresses. Default: 64. */
  readonly bits?: 32 | 64 | undefined;
  /** Whether each vector can be masked. Default: false. */
  readonly maskable?: boolean | undefined;
}

/** MSI-X: the mock keeps table and pending bits, in a memory BAR that the shape declares. */
export interface MsixCapability extends Placed {
  readonly name: 'msix';
  /** 1 to 2048. */
  readonly vectors: number;
  readonly table: BarPlace;
  readonly pba: BarPlace;
}

/** Makes the function an endpoint of PCI Express, with 4096 bytes of configuration space. */
export interface ExpressCapability extends Placed {
  readonly name: 'pcie';
  /** Default: 2. */
  readonly version?: 1 | 2 | undefined;
  /** Whether it has function level reset. Default: true. */
  readonly flr?: boolean | undefined;
}

/** A capability whose meaning its vendor knows. */
export interface VendorCapability {
  /** The number its vendor has given it. */
  readonly id: number;
  readonly revision?: number | undefined;
  /** What follows its header. */
  readonly bytes: Uint8Array;
}

/** A place in a BAR. */
export interface BarPlace {
  /** 0 to 5. */
  readonly bar: number;
  /** Bytes, a multiple of 8. */
  readonly offset: number;
}
