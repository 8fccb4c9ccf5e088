import { checkBytes } from '../checks.js';
import { bits, isSet, u16, u32, u8 } from './bytes.js';
import { capabilityName } from './capability-names.js';

/** One capability in a capability list. */
export interface Capability {
  /** The capability id: 8 bits in the standard list, 16 bits in the extended list. */
  readonly id: number;
  /**
   * The name, for example `'msix'`, `'pcie'` or `'aer'`. The name of an unassigned id is like
   * `'unknown_0x42'`.
   */
  readonly name: string;
  /** The PCI-SIG's name. */
  readonly title: string;
  /** Offset in configuration space, in bytes. */
  readonly offset: number;
  readonly extended: boolean;
  /**
   * The version, a number of 4 bits. Undefined in the standard list, because standard capabilities
   * have no version.
   */
  readonly version?: number;
}

/** A link in a capability list that cannot be followed to another capability. */
export interface BrokenLink {
  /** The offset in bytes to which the link points. */
  readonly offset: number;
  readonly extended: boolean;
  /**
   * `'looped'`: the link points to a capability that was already listed. `'broken'`: the link
   * points into the header, or to bytes that are all ones. `'unreadable'`: the link points past the
   * end of the image.
   */
  readonly reason: 'looped' | 'broken' | 'unreadable';
}

/**
 * The capabilities of both lists, including null capabilities, and the broken links. A broken link
 * ends its list too early.
 */
export interface CapabilityLists {
  readonly capabilities: readonly Capability[];
  readonly broken: readonly BrokenLink[];
}

const STATUS = 0x06;
const STATUS_CAPABILITIES_LIST = 4;
const HEADER_TYPE = 0x0e;
/**
 * The offsets of the capabilities pointer for an endpoint, a bridge and a CardBus bridge; the
 * header type is the index.
 */
const POINTERS = [0x34, 0x34, 0x14];
const FIRST_STANDARD = 0x40;
const FIRST_EXTENDED = 0x100;
const STANDARD_SIZE = 0x100;
/** Size of the smallest capability in bytes. */
const MIN_SIZE = 4;

/**
 * Returns the capabilities of both lists. The capabilities are in the order of the links. A damaged
 * list ends at its first broken link. A link is broken if it points into the header, past the end
 * of the image, to a capability that was already listed, or to bytes that are all ones. As the PCI
 * specification requires (section 6.7), the function ignores the reserved low bits of a pointer.
 * The result does not include null capabilities, because a null capability contains only a link.
 *
 * @param config - the image of configuration space, 256 or 4096 bytes. In a shorter image, the
 *   lists are followed up to the end of the image.
 */
export function walkCapabilities(config: Uint8Array): Capability[] {
  checkBytes(config, 'config');
  return walkLists(config).capabilities.filter(({ id }) => id !== 0);
}

/** Returns the capabilities of both lists, including null capabilities, and the broken links. */
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

/** Returns the offset of the first extended capability, or 0 if the image has no extended space. */
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

/**
 * Decodes the header of an extended capability. Returns null if the header is zero. A header that
 * is zero means that the list is empty.
 */
function extendedAt(config: Uint8Array, offset: number): Capability | null {
  const header = u32(config, offset);
  if (header === 0) return null;
  const [id, version] = [bits(header, 0, 15), bits(header, 16, 19)];
  // If VFIO hides the first capability, VFIO replaces the capability with a null capability that
  // has the same link.
  return { id, ...capabilityName(id, true), offset, extended: true, version };
}
