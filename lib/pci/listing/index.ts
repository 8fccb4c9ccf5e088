import { bits, u16, u8 } from '../bytes.js';
import { type BrokenLink, type Capability, walkLists } from '../capabilities.js';
import { express } from './express.js';
import { EXTENDED } from './extended.js';
import { headerLines } from './header.js';
import { decodeReadable } from './readable.js';
import { hex, type Listed, type Lister, Place, type Surroundings, type VpdReader } from './row.js';
import { STANDARD } from './standard.js';

export { flagsOf, type VpdReader } from './row.js';

/** A capability with its decoded text. */
export interface ListedCapability extends Capability, Listed {
  /**
   * The headline. If the capability is not decoded, the headline contains its name, its id and
   * `<?>`.
   */
  readonly title: string;
}

/** Configuration space as decoded text. */
export interface Listing {
  readonly header: readonly string[];
  /** Null capabilities included. A line past the end of the image is `<unreadable>`. */
  readonly capabilities: readonly ListedCapability[];
  /** Broken links that end a list too early. Capabilities after a broken link are not listed. */
  readonly broken: readonly BrokenLink[];
}

const PCI_EXPRESS = 0x10;

/**
 * Decodes configuration space in the style of `lspci -vvv`. Flags have the same names and signs,
 * and each line begins with the name of the register.
 *
 * @param config - 256 or 4096 bytes; a shorter image is decoded up to its end
 * @param vpd - a function that reads vital product data from outside of configuration space; null
 *   omits the data
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

/**
 * Dumps configuration space in lines of 16 bytes. `lspci -x` writes this format, and `lspci -F`
 * reads this format.
 */
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
