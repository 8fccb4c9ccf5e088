import { bits, u16, u8 } from '../bytes.js';
import { type Capability, walkCapabilities } from '../capabilities.js';
import { express } from './express.js';
import { EXTENDED } from './extended.js';
import { headerLines } from './header.js';
import { hex, type Listed, Place, type VpdReader } from './row.js';
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
  readonly capabilities: readonly ListedCapability[];
}

const PCI_EXPRESS = 0x10;

/**
 * Configuration space as `lspci -vvv` tells of it: the same names of flags, with the same signs,
 * in lines that begin with the name of their register.
 *
 * @param config - 256 or 4096 bytes
 * @param vpd - vital product data are listed with it, since they lie outside of this space
 */
export function listConfig(config: Uint8Array, vpd: VpdReader | null = null): Listing {
  const capabilities = walkCapabilities(config);
  const pcie = capabilities.find(({ id, extended }) => !extended && id === PCI_EXPRESS);
  const portType = pcie === undefined ? null : bits(u16(config, pcie.offset + 2), 4, 7);
  return {
    header: headerLines(config),
    capabilities: capabilities.map((capability) => ({
      ...capability,
      ...listCapability(new Place(config, capability.offset, portType, vpd), capability),
    })),
  };
}

function listCapability(place: Place, { id, title, extended }: Capability): Listed {
  const lister = extended ? EXTENDED[id] : id === PCI_EXPRESS ? express : STANDARD[id];
  if (lister !== undefined) return lister(place);
  return { title: `${title} (ID ${hex(id, extended ? 4 : 2)}) <?>`, lines: [] };
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
