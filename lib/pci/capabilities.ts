import { bits, isSet, u16, u32, u8 } from './bytes.js';
import { capabilityName } from './capability-names.js';

/** One element of a capability list. */
export interface Capability {
  /** 8 bits in the standard list, 16 in the extended one. */
  readonly id: number;
  /** `'msix'`, `'pcie'`, `'aer'`; `'unknown_0x42'` for an unassigned id. */
  readonly name: string;
  /** The PCI-SIG's name. */
  readonly title: string;
  /** Bytes from the start of configuration space. */
  readonly offset: number;
  readonly extended: boolean;
  /** 4 bits; undefined in the standard list, which has no versions. */
  readonly version?: number;
}

/** A link of a capability list that cannot be followed. */
export interface BrokenLink {
  /** The offset that the link points to, in bytes. */
  readonly offset: number;
  readonly extended: boolean;
  /**
   * `'looped'`: the link points to a capability visited before. `'broken'`: to the header, or to
   * all ones. `'unreadable'`: past the end of the image.
   */
  readonly reason: 'looped' | 'broken' | 'unreadable';
}

/** Both capability lists, null capabilities included, and the links that end a list too early. */
export interface CapabilityLists {
  readonly capabilities: readonly Capability[];
  readonly broken: readonly BrokenLink[];
}

const STATUS = 0x06;
const STATUS_CAPABILITIES_LIST = 4;
const HEADER_TYPE = 0x0e;
/** Offset of the first capability's pointer by header type: endpoint, bridge, CardBus bridge. */
const POINTERS = [0x34, 0x34, 0x14];
const FIRST_STANDARD = 0x40;
const FIRST_EXTENDED = 0x100;
const STANDARD_SIZE = 0x100;
/** Bytes of the smallest capability. */
const MIN_SIZE = 4;

/**
 * Lists the capabilities of both lists, each in the order of its links. A damaged list ends at its
 * first bad link: a pointer into the header, past the end or to a capability visited before, or all
 * ones. The reserved low bits of a pointer are ignored, as the PCI specification requires (section
 * 6.7). Null capabilities contain only a link and are left out.
 *
 * @param config - 256 or 4096 bytes; a shorter image is walked up to its end
 */
export function walkCapabilities(config: Uint8Array): Capability[] {
  return walkLists(config).capabilities.filter(({ id }) => id !== 0);
}

/** Lists the capabilities of both lists, null capabilities included, and the broken links. */
export function walkLists(config: Uint8Array): CapabilityLists {
  const capabilities: Capability[] = [];
  const broken: BrokenLink[] = [];
  for (const extended of [false, true]) {
    const visited = new Set<number>();
    let offset = extended ? firstExtended(config) : firstStandard(config);
    while (offset !== 0) {
      const reason = visited.has(offset) ? 'looped' : checkLink(config, offset, extended);
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

/** Without an extended space, its first register is past the end or reads as all ones. */
function firstExtended(config: Uint8Array): number {
  return u32(config, FIRST_EXTENDED) === 0xffff_ffff ? 0 : FIRST_EXTENDED;
}

function checkLink(
  config: Uint8Array,
  offset: number,
  extended: boolean,
): BrokenLink['reason'] | null {
  if (offset < (extended ? FIRST_EXTENDED : FIRST_STANDARD)) return 'broken';
  const end = extended ? config.length : Math.min(config.length, STANDARD_SIZE);
  if (offset + MIN_SIZE > end) return 'unreadable';
  const ones = extended ? u32(config, offset) === 0xffff_ffff : u8(config, offset) === 0xff;
  return ones ? 'broken' : null;
}

function standardAt(config: Uint8Array, offset: number): Capability {
  const id = u8(config, offset);
  return { id, ...capabilityName(id, false), offset, extended: false };
}

/** Decodes a header of the extended list; null for a header of zeros, which is an empty list. */
function extendedAt(config: Uint8Array, offset: number): Capability | null {
  const header = u32(config, offset);
  if (header === 0) return null;
  const [id, version] = [bits(header, 0, 15), bits(header, 16, 19)];
  // If VFIO hides the first capability, a null capability with the same link replaces it.
  return { id, ...capabilityName(id, true), offset, extended: true, version };
}
