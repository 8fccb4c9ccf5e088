import { checkBytes, checkInteger } from '../checks.js';
import { isSet, readBits, u16 } from './bytes.js';
import { decodeFields } from './fields.js';
import { type FieldsOf, type RegisterName, registerOffset, REGISTERS } from './registers/index.js';

/** PCI Power Management Interface Specification, section 3.2. */
export interface PmDetails {
  /** The version of the capability, 1 to 3. */
  readonly version: number;
  /** Whether the function supports power state D1. */
  readonly d1: boolean;
  /** Whether the function supports power state D2. */
  readonly d2: boolean;
  /**
   * The power states from which the function can signal PME: any of D0, D1, D2, D3hot and D3cold.
   */
  readonly pmeSupport: readonly string[];
  /** The power state: 0 is D0, 1 is D1, 2 is D2, 3 is D3hot. */
  readonly powerState: number;
  /** Whether the function keeps its state during the change from D3hot to D0. */
  readonly noSoftReset: boolean;
  /** Whether PME is enabled, so that the function is allowed to signal PME. */
  readonly pmeEnabled: boolean;
  /** Whether the PME_Status bit is set. */
  readonly pmeStatus: boolean;
}

/** PCI Express Base Specification, section 7.7.1. */
export interface MsiDetails {
  readonly enabled: boolean;
  /** Number of vectors that the device can use: 1 to 32. */
  readonly vectors: number;
  /** Number of vectors that the control register enables: 1 to 32. */
  readonly vectorsEnabled: number;
  /** Whether the function supports message addresses above 4 GiB. */
  readonly address64: boolean;
  /** Whether each vector has a mask bit and a pending bit. */
  readonly perVectorMasking: boolean;
  /**
   * The message of vector 0. If the kernel lacks the feature PCI_MSI_NOVIRT, VFIO shows a virtual
   * message that the device does not use.
   */
  readonly address: bigint;
  readonly data: number;
  /** The mask bits, one for each vector; 0 if the function has no per-vector masking. */
  readonly mask: number;
  /** The pending bits, one for each vector; 0 if the function has no per-vector masking. */
  readonly pending: number;
}

/** A location in a BAR. */
export interface BarLocation {
  /** The number of the BAR (BAR indicator): 0 to 5. The values 6 and 7 are reserved. */
  readonly bir: number;
  /** Offset in the BAR, in bytes. */
  readonly offset: number;
}

/** PCI Express Base Specification, section 7.7.2. */
export interface MsixDetails {
  readonly enabled: boolean;
  /**
   * Whether the Function Mask bit is set. The Function Mask bit masks all vectors, even vectors
   * whose own mask bits are clear.
   */
  readonly functionMask: boolean;
  /** Number of entries in the table: 1 to 2048. */
  readonly vectors: number;
  /** Location of the vector table. Each vector has an entry of 16 bytes. */
  readonly table: BarLocation;
  /**
   * Location of the pending bit array. The array has one bit for each vector, and its size is a
   * multiple of 8 bytes.
   */
  readonly pba: BarLocation;
}

/** PCI Express Base Specification, section 7.5.3. */
export interface PcieDetails {
  /**
   * Version of the capability structure, 1 or 2. The version of the structure is not the version of
   * PCI Express.
   */
  readonly version: number;
  /**
   * The name, for example `'endpoint'`, `'legacy_endpoint'` or `'root_port'`. The name of a
   * reserved code is like `'type_0xb'`.
   */
  readonly type: string;
  /** Largest payload that the device supports, in bytes. */
  readonly maxPayloadSupported: number;
  readonly maxPayload: number;
  /** Largest read request that the device is allowed to send, in bytes. */
  readonly maxReadRequest: number;
  /** Whether the function supports a function level reset. */
  readonly flr: boolean;
  /**
   * The link, or null if the function has no link. Speeds are in GT/s; a speed is null if its code
   * is unknown.
   */
  readonly link: {
    readonly maxSpeed: number | null;
    readonly maxWidth: number;
    readonly speed: number | null;
    readonly width: number;
  } | null;
}

/** The type of the decoded details, for each capability name. */
export interface CapabilityDetails {
  pm: PmDetails;
  msi: MsiDetails;
  msix: MsixDetails;
  pcie: PcieDetails;
}

const PME_STATES = ['D0', 'D1', 'D2', 'D3hot', 'D3cold'];
const PCIE_TYPES: Readonly<Record<number, string>> = {
  0x0: 'endpoint',
  0x1: 'legacy_endpoint',
  0x4: 'root_port',
  0x5: 'upstream_port',
  0x6: 'downstream_port',
  0x7: 'pcie_to_pci_bridge',
  0x8: 'pci_to_pcie_bridge',
  0x9: 'rc_integrated_endpoint',
  0xa: 'rc_event_collector',
};
const LINK_SPEEDS = [null, 2.5, 5, 8, 16, 32, 64, 128];

/**
 * The function that decodes the details, for each capability name.
 *
 * The function receives the image of configuration space and the offset of the capability.
 */
export const DECODERS: {
  readonly [N in keyof CapabilityDetails]: (
    config: Uint8Array,
    offset: number,
  ) => CapabilityDetails[N];
} = {
  pm: checked(decodePm),
  msi: checked(decodeMsi),
  msix: checked(decodeMsix),
  pcie: checked(decodePcie),
};

/** Returns a decoder that checks its arguments. */
function checked<Details>(decode: (config: Uint8Array, offset: number) => Details) {
  return (config: Uint8Array, offset: number): Details => {
    checkBytes(config, 'config');
    checkInteger(offset, 'offset', 0, 0xfff);
    return decode(config, offset);
  };
}

function decodePm(config: Uint8Array, offset: number): PmDetails {
  const capabilities = fieldsAt(config, offset, 'pm.capabilities');
  const control = fieldsAt(config, offset, 'pm.control_status');
  return {
    version: capabilities.version,
    d1: capabilities.d1 === 1,
    d2: capabilities.d2 === 1,
    pmeSupport: PME_STATES.filter((_, state) => isSet(capabilities.pme_support, state)),
    powerState: control.power_state,
    noSoftReset: control.no_soft_reset === 1,
    pmeEnabled: control.pme_enable === 1,
    pmeStatus: control.pme_status === 1,
  };
}

function decodeMsi(config: Uint8Array, offset: number): MsiDetails {
  const control = fieldsAt(config, offset, 'msi.control');
  const high = valueAt(config, offset, 'msi.address_high');
  return {
    enabled: control.enable === 1,
    vectors: Math.min(2 ** control.multiple_message_capable, 32),
    vectorsEnabled: Math.min(2 ** control.multiple_message_enable, 32),
    address64: control.address_64 === 1,
    perVectorMasking: control.per_vector_masking === 1,
    address: (BigInt(high) << 32n) | BigInt(valueAt(config, offset, 'msi.address')),
    data: valueAt(config, offset, 'msi.data'),
    mask: valueAt(config, offset, 'msi.mask'),
    pending: valueAt(config, offset, 'msi.pending'),
  };
}

function decodeMsix(config: Uint8Array, offset: number): MsixDetails {
  const control = fieldsAt(config, offset, 'msix.control');
  const table = fieldsAt(config, offset, 'msix.table');
  const pba = fieldsAt(config, offset, 'msix.pba');
  return {
    enabled: control.enable === 1,
    functionMask: control.function_mask === 1,
    vectors: control.table_size + 1,
    table: { bir: table.bir, offset: table.offset * 8 },
    pba: { bir: pba.bir, offset: pba.offset * 8 },
  };
}

function decodePcie(config: Uint8Array, offset: number): PcieDetails {
  const { version, type } = fieldsAt(config, offset, 'pcie.capabilities');
  const capabilities = fieldsAt(config, offset, 'pcie.device_capabilities');
  const control = fieldsAt(config, offset, 'pcie.device_control');
  return {
    version,
    type: PCIE_TYPES[type] ?? `type_0x${type.toString(16)}`,
    maxPayloadSupported: 128 << capabilities.max_payload_size,
    maxPayload: 128 << control.max_payload_size,
    maxReadRequest: 128 << control.max_read_request_size,
    flr: capabilities.flr === 1,
    link: decodeLink(config, offset),
  };
}

function decodeLink(config: Uint8Array, offset: number): PcieDetails['link'] {
  const control = u16(config, offset + 2);
  if (registerOffset(REGISTERS['pcie.link_status'], control) === null) return null;
  const capabilities = fieldsAt(config, offset, 'pcie.link_capabilities');
  const status = fieldsAt(config, offset, 'pcie.link_status');
  return {
    maxSpeed: LINK_SPEEDS[capabilities.max_link_speed] ?? null,
    maxWidth: capabilities.max_link_width,
    speed: LINK_SPEEDS[status.current_link_speed] ?? null,
    width: status.negotiated_link_width,
  };
}

/**
 * Reads a register of the capability at `offset`. Returns 0 if the device does not have the
 * register.
 */
function valueAt(config: Uint8Array, offset: number, name: RegisterName): number {
  const register = REGISTERS[name];
  const at = registerOffset(register, u16(config, offset + 2));
  if (at === null) return 0;
  return readBits(config, offset + at, register.width);
}

function fieldsAt<N extends RegisterName>(
  config: Uint8Array,
  offset: number,
  name: N,
): FieldsOf<N> {
  return decodeFields(REGISTERS[name], valueAt(config, offset, name)) as FieldsOf<N>;
}
