import { bits, u16, u8 } from '../bytes.js';
import { type BrokenLink, type Capability, walkLists } from '../capabilities.js';
import { express } from './express.js';
import { EXTENDED } from './extended.js';
import { headerLines } from './header.js';
import { decodeReadable } from './readable.js';
import { hex, type Listed, type Lister, Place, type Surroundings, type VpdReader } from './row.js';
import { STANDARD } from './standard.js';

export { flagsOf, type VpdReader } from './row.js';

/** A capability in words. */
export interface ListedCapability extends Capability, Listed {
  /** What a capability is called that is not decoded here stands with its id, and `<?>`. */
  readonly title: string;
}

/** Configuration space in words. */
export interface Listing {
  readonly header: readonly string[];
  /** Null capabilities as well. Lines that the image is too short for are `<unreadable>`. */
  readonly capabilities: readonly ListedCapability[];
  /** Where a list ends before its end: none of what was behind it is listed. */
  readonly broken: readonly BrokenLink[];
}

const PCI_EXPRESS = 0x10;

/**
 * Configuration space as `lspci -vvv` tells of it: the same names of flags, with the same signs,
 * in lines that begin with the name of their register.
 *
 * @param config - 256 or 4096 bytes; of a shorter image what it has
 * @param vpd - vital product data are listed with it, since they lie outside of this space
 */
export function listConfig(config: Uint8Array, vpd: VpdReader | null = null): Listing {
  const { capabilities, broken } = walkLists(config);
  const pcie = capabilities.find(({ id, extended }) => !extended && id === PCI_EXPRESS);
  const portType = pcie === undefined ? null : bits(u16(config, pcie.offset + 2), 4, 7);
  return {
    header: headerLines(config),
    capabilities: capabilities.map((capability) => ({
      ...capability,
      ...listCapability(config, capability, { portType, vpd }),
    })),
    broken,
  };
}

function listCapability(
  config: Uint8Array,
  { id, title, extended, offset }: Capability,
  surroundings: Surroundings,
): Listed {
  const lister = extended ? EXTENDED[id] : id === PCI_EXPRESS ? express : STANDARD[id];
  const undecoded: Lister = () => ({
    title: `${title} (ID ${hex(id, extended ? 4 : 2)}) <?>`,
    lines: [],
  });
  return decodeReadable(title, lister ?? undecoded, new Place(config, offset, surroundings));
}

/** Lines of 16 bytes, as `lspci -x` and `lspci -F` write and read them. */
export function dumpConfig(config: Uint8Array): string[] {
  const lines: string[] = [];
  for (let offset = 0; offset < config.length; offset += 16) {
    const bytes = Array.from({ length: Math.min(16, config.length - offset) }, (_, index) =>
      hex(u8(config, offset + index), 2),
    );
    lines.push(`${hex(offset, 2)}: ${bytes.join(' ')}`);
  }
  return lines;
}
