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

/** A link of a capability list behind which nothing can be found. */
export interface BrokenLink {
  /** Where the link points to. */
  readonly offset: number;
  readonly extended: boolean;
  /**
   * `'looped'` to where the list already was, `'broken'` to the header or to all ones, `'unreadable'`
   * to what the image has not.
   */
  readonly reason: 'looped' | 'broken' | 'unreadable';
}

/** What is in the lists, null capabilities as well, and where they end too early. */
export interface CapabilityLists {
  readonly capabilities: readonly Capability[];
  readonly broken: readonly BrokenLink[];
}

const STATUS = 0x06;
const STATUS_CAPABILITIES_LIST = 4;
const HEADER_TYPE = 0x0e;
/** The pointer to the first capability by header type: endpoint, bridge, CardBus bridge. */
const POINTERS = [0x34, 0x34, 0x14];
const FIRST_STANDARD = 0x40;
const FIRST_EXTENDED = 0x100;
const STANDARD_SIZE = 0x100;
/** The bytes of a capability that every one has. */
const SMALLEST = 4;

/**
 * Both capability lists, each in the order of its links. A damaged list ends where it stops making
 * sense: at a pointer into the header, past the end or to a place already visited, and at all ones,
 * which is what a device answers that is gone. The reserved low bits of a pointer are ignored, as
 * the PCI specification asks (section 6.7). Null capabilities hold nothing but their link and are left out.
 *
 * @param config - 256 or 4096 bytes; shorter images are walked as far as they go
 */
export function walkCapabilities(config: Uint8Array): Capability[] {
  return walkLists(config).capabilities.filter(({ id }) => id !== 0);
}

/** The same with null capabilities, and with what ended a list. */
export function walkLists(config: Uint8Array): CapabilityLists {
  const capabilities: Capability[] = [];
  const broken: BrokenLink[] = [];
  for (const extended of [false, true]) {
    const visited = new Set<number>();
    let offset = extended ? firstExtended(config) : firstStandard(config);
    while (offset !== 0) {
      const reason = visited.has(offset) ? 'looped' : wrong(config, offset, extended);
      if (reason !== null) {
        broken.push({ offset, extended, reason });
        break;
      }
      visited.add(offset);
      const found = extended ? extendedAt(config, offset) : standardAt(config, offset);
      if (found !== null) capabilities.push(found);
      offset = extended ? bits(u32(config, offset), 20, 31) & ~3 : u8(config, offset + 1) & ~3;
    }
  }
  return { capabilities, broken };
}

function firstStandard(config: Uint8Array): number {
  const status = u16(config, STATUS);
  if (status === 0xffff || !isSet(status, STATUS_CAPABILITIES_LIST)) return 0;
  const pointer = POINTERS[bits(u8(config, HEADER_TYPE), 0, 6)];
  return pointer === undefined ? 0 : u8(config, pointer) & ~3;
}

/** Where there is no extended space, its first register is not there, or reads as all ones. */
function firstExtended(config: Uint8Array): number {
  return u32(config, FIRST_EXTENDED) === 0xffff_ffff ? 0 : FIRST_EXTENDED;
}

function wrong(config: Uint8Array, offset: number, extended: boolean): BrokenLink['reason'] | null {
  if (offset < (extended ? FIRST_EXTENDED : FIRST_STANDARD)) return 'broken';
  const end = extended ? config.length : Math.min(config.length, STANDARD_SIZE);
  if (offset + SMALLEST > end) return 'unreadable';
  const ones = extended ? u32(config, offset) === 0xffff_ffff : u8(config, offset) === 0xff;
  return ones ? 'broken' : null;
}

function standardAt(config: Uint8Array, offset: number): Capability {
  const id = u8(config, offset);
  return { id, ...capabilityName(id, false), offset, extended: false };
}

/** A header of zeros is that of an empty list. */
function extendedAt(config: Uint8Array, offset: number): Capability | null {
  const header = u32(config, offset);
  if (header === 0) return null;
  const [id, version] = [bits(header, 0, 15), bits(header, 16, 19)];
  // VFIO turns a first capability that it hides into a null one which keeps its link.
  return { id, ...capabilityName(id, true), offset, extended: true, version };
}
