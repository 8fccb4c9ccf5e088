import { checkBytes, checkObject } from '../checks.js';
import { bits, isSet, u16, u32, u8 } from './bytes.js';
import { decodeFields } from './fields.js';
import { type FieldsOf, REGISTERS } from './registers/index.js';

interface CommonHeader {
  readonly vendorId: number;
  readonly deviceId: number;
  /** The bits of the command register by name. */
  readonly command: FieldsOf<'command'>;
  /** The bits of the status register by name. */
  readonly status: FieldsOf<'status'>;
  readonly revision: number;
  /** The class code of 24 bits: base class, sub class and programming interface. */
  readonly classCode: number;
  /** The size in bytes. The register itself contains the size in units of 4 bytes. */
  readonly cacheLineSize: number;
  /** The latency timer of conventional PCI, in clock cycles; 0 on PCI Express. */
  readonly latencyTimer: number;
  readonly multiFunction: boolean;
  /** The built-in self test register, 8 bits. */
  readonly bist: number;
  /** Offset of the first capability, in bytes. */
  readonly capabilitiesPointer: number;
  /** The number of the interrupt line. The firmware stores this number. VFIO allows writes. */
  readonly interruptLine: number;
  /** The interrupt pin: 0 means no pin, and 1 to 4 mean INTA to INTD. */
  readonly interruptPin: number;
}

/** The header of an endpoint: PCI Express Base Specification, section 7.5.1.2. */
export interface EndpointHeader extends CommonHeader {
  readonly type: 0;
  readonly cardbusCis: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  readonly rom: RomAddress;
  /** A time in units of 250 ns on conventional PCI; 0 on PCI Express. */
  readonly minGrant: number;
  readonly maxLatency: number;
}

/**
 * The header of a bridge: PCI Express Base Specification, section 7.5.1.3. If the limit of a window
 * is below its base, the window is closed.
 */
export interface BridgeHeader extends CommonHeader {
  readonly type: 1;
  /**
   * The number of the bus above the bridge, 0 to 255. The secondary bus is directly below the
   * bridge. The subordinate bus has the highest number of all buses below the bridge.
   */
  readonly primaryBus: number;
  readonly secondaryBus: number;
  readonly subordinateBus: number;
  /**
   * The latency timer of a conventional PCI bus below the bridge, in clock cycles; 0 on PCI
   * Express.
   */
  readonly secondaryLatencyTimer: number;
  /** The raw register, 16 bits. */
  readonly secondaryStatus: number;
  /** The first and the last address of the window, both inclusive. */
  readonly ioWindow: AddressWindow;
  readonly memoryWindow: AddressWindow;
  readonly prefetchableWindow: AddressWindow;
  readonly rom: RomAddress;
  /** The raw register, 16 bits. */
  readonly bridgeControl: number;
}

/**
 * A header with the CardBus layout or a reserved layout. Only fields that exist in every header
 * layout are decoded.
 */
export interface OtherHeader extends CommonHeader {
  /** The header type, a number of 7 bits. 2 means CardBus. */
  readonly type: number;
}

/** A decoded header. {@link isEndpoint} and {@link isBridge} narrow the type of the header. */
export type PciHeader = EndpointHeader | BridgeHeader | OtherHeader;

/** The expansion ROM's base address register. */
export interface RomAddress {
  /** Whether the device decodes accesses to the ROM. */
  readonly enabled: boolean;
  /** The 32-bit address, a multiple of 2048. */
  readonly address: number;
}

/** A range of addresses that a bridge forwards, from the first to the last address inclusive. */
export interface AddressWindow {
  readonly base: bigint;
  readonly limit: bigint;
}

/** Whether the header has the layout of an endpoint. */
export function isEndpoint(header: PciHeader): header is EndpointHeader {
  checkObject(header, 'header');
  return header.type === 0;
}

/**
 * Whether the function did not respond when its configuration space was read. If the function did
 * not respond, the class code and the revision are all ones. The kernel emulates other fields, such
 * as the vendor ID.
 */
export function isUnresponsive(config: Uint8Array): boolean {
  checkBytes(config, 'config');
  return config.length >= 12 && u32(config, 8) === 0xffff_ffff;
}

/** Whether the header has the layout of a PCI bridge. */
export function isBridge(header: PciHeader): header is BridgeHeader {
  checkObject(header, 'header');
  return header.type === 1;
}

/**
 * Decodes the first 64 bytes of configuration space.
 *
 * @param config - at least the first 64 bytes of configuration space. A missing byte is decoded as
 *   0xff.
 */
export function decodeHeader(config: Uint8Array): PciHeader {
  checkBytes(config, 'config');
  const type = bits(u8(config, 0x0e), 0, 6);
  const common: CommonHeader = {
    vendorId: u16(config, 0x00),
    deviceId: u16(config, 0x02),
    command: decodeFields(REGISTERS.command, u16(config, 0x04)),
    status: decodeFields(REGISTERS.status, u16(config, 0x06)),
    revision: u8(config, 0x08),
    classCode: bits(u32(config, 0x08), 8, 31),
    cacheLineSize: u8(config, 0x0c) * 4,
    latencyTimer: u8(config, 0x0d),
    multiFunction: isSet(u8(config, 0x0e), 7),
    bist: u8(config, 0x0f),
    capabilitiesPointer: u8(config, type === 2 ? 0x14 : 0x34),
    interruptLine: u8(config, 0x3c),
    interruptPin: u8(config, 0x3d),
  };
  if (type === 0) return { ...common, type, ...decodeEndpoint(config) };
  if (type === 1) return { ...common, type, ...decodeBridge(config) };
  return { ...common, type };
}

function decodeEndpoint(config: Uint8Array) {
  return {
    cardbusCis: u32(config, 0x28),
    subsystemVendorId: u16(config, 0x2c),
    subsystemId: u16(config, 0x2e),
    rom: decodeRom(u32(config, 0x30)),
    minGrant: u8(config, 0x3e),
    maxLatency: u8(config, 0x3f),
  };
}

function decodeBridge(config: Uint8Array) {
  return {
    primaryBus: u8(config, 0x18),
    secondaryBus: u8(config, 0x19),
    subordinateBus: u8(config, 0x1a),
    secondaryLatencyTimer: u8(config, 0x1b),
    ioWindow: decodeIoWindow(config),
    secondaryStatus: u16(config, 0x1e),
    memoryWindow: window(u16(config, 0x20), u16(config, 0x22), 0, 0),
    prefetchableWindow: decodePrefetchableWindow(config),
    rom: decodeRom(u32(config, 0x38)),
    bridgeControl: u16(config, 0x3e),
  };
}

function decodeRom(register: number): RomAddress {
  return { enabled: isSet(register, 0), address: bits(register, 11, 31) * 2 ** 11 };
}

/**
 * Decodes the I/O window of a bridge, which is aligned to 4 KiB. If bit 0 of the base register is
 * set, the registers for the upper 16 address bits exist.
 */
function decodeIoWindow(config: Uint8Array): AddressWindow {
  const base = u8(config, 0x1c);
  const limit = u8(config, 0x1d);
  const wide = bits(base, 0, 3) === 1;
  const high = (offset: number) => (wide ? u16(config, offset) * 0x1_0000 : 0);
  return {
    base: BigInt(bits(base, 4, 7) * 0x1000 + high(0x30)),
    limit: BigInt(bits(limit, 4, 7) * 0x1000 + 0xfff + high(0x32)),
  };
}

function decodePrefetchableWindow(config: Uint8Array): AddressWindow {
  const base = u16(config, 0x24);
  const wide = bits(base, 0, 3) === 1;
  const high = (offset: number) => (wide ? u32(config, offset) : 0);
  return window(base, u16(config, 0x26), high(0x28), high(0x2c));
}

/** Decodes a memory window of a bridge, which is aligned to 1 MiB. */
function window(base: number, limit: number, baseHigh: number, limitHigh: number): AddressWindow {
  return {
    base: (BigInt(baseHigh) << 32n) + (BigInt(bits(base, 4, 15)) << 20n),
    limit: (BigInt(limitHigh) << 32n) + (BigInt(bits(limit, 4, 15)) << 20n) + 0xf_ffffn,
  };
}
