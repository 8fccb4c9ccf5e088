import { bits, isSet, u16, u32, u8 } from './bytes.js';
import { capabilityName } from './capability-names.js';

/** One element of a capability list. */
export interface Capability {
  /** 8 bits in the standard list, 16 in the extended one. */
  readonly id: number;
  /** `'msix'`, `'pcie'`, `'aer'`; `'unknown_0x42'` where nobody has assigned the id. */
  readonly name: string;
  /** The name the PCI-SIG gives it. */
  readonly title: string;
  /** Bytes from the start of configuration space. */
  readonly offset: number;
  readonly extended: boolean;
  /** 4 bits; the standard list has none. */
  readonly version?: number;
}

const STATUS = 0x06;
const STATUS_CAPABILITIES_LIST = 4;
const HEADER_TYPE = 0x0e;
const CAPABILITIES_POINTER = 0x34;
const CAPABILITIES_POINTER_CARDBUS = 0x14;
const FIRST_STANDARD = 0x40;
const FIRST_EXTENDED = 0x100;
const STANDARD_SIZE = 0x100;

/**
 * Both capability lists, each in the order of its links. A damaged list ends where it stops making
 * sense: at a pointer into the header, past the end or to a place already visited, and at all ones,
 * which is what a device answers that is gone. The reserved low bits of a pointer are ignored, as
 * the PCI specification asks (section 6.7). Null capabilities hold nothing but their link and are left out.
 *
 * @param config - 256 or 4096 bytes; shorter images are walked as far as they go
 */
export function walkCapabilities(config: Uint8Array): Capability[] {
  return [...walkStandard(config), ...walkExtended(config)];
}

function* walkStandard(config: Uint8Array): Generator<Capability> {
  const status = u16(config, STATUS);
  if (status === 0xffff || !isSet(status, STATUS_CAPABILITIES_LIST)) return;
  const end = Math.min(config.length, STANDARD_SIZE) - 1;
  const visited = new Set<number>();
  let offset = u8(config, firstPointer(config)) & ~3;
  while (offset >= FIRST_STANDARD && offset < end && !visited.has(offset)) {
    visited.add(offset);
    const id = u8(config, offset);
    if (id === 0xff) return;
    if (id !== 0) yield { id, ...capabilityName(id, false), offset, extended: false };
    offset = u8(config, offset + 1) & ~3;
  }
}

function firstPointer(config: Uint8Array): number {
  const cardbus = bits(u8(config, HEADER_TYPE), 0, 6) === 2;
  return cardbus ? CAPABILITIES_POINTER_CARDBUS : CAPABILITIES_POINTER;
}

function* walkExtended(config: Uint8Array): Generator<Capability> {
  const visited = new Set<number>();
  let offset = FIRST_EXTENDED;
  while (offset >= FIRST_EXTENDED && offset + 4 <= config.length && !visited.has(offset)) {
    visited.add(offset);
    const header = u32(config, offset);
    if (header === 0xffff_ffff) return;
    const id = bits(header, 0, 15);
    const version = bits(header, 16, 19);
    // VFIO turns a first capability that it hides into a null one which keeps its link.
    if (id !== 0) yield { id, ...capabilityName(id, true), offset, extended: true, version };
    offset = bits(header, 20, 31) & ~3;
  }
}
