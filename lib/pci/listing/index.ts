import { checkBytes, checkFunction } from '../../checks.js';
import { bits, u16, u8 } from '../bytes.js';
import { type BrokenLink, type Capability, walkLists } from '../capabilities.js';
import { express } from './express.js';
import { EXTENDED } from './extended.js';
import { headerLines } from './header.js';
import { decodeReadable } from './readable.js';
import { addRemaining } from './remaining.js';
import { hex, type Listed, type Lister, Place, type Surroundings, type VpdReader } from './row.js';
import { STANDARD } from './standard.js';
import { EXTENDED_STATES } from './states/extended.js';
import { HEADER_STATES } from './states/header.js';
import { STANDARD_STATES } from './states/standard.js';

export { flagsOf, type VpdReader } from './row.js';

/** A capability with its decoded text. */
export interface ListedCapability extends Capability, Listed {
  /**
   * The headline. If the library does not decode the capability, the headline contains the name,
   * the id and `<?>`.
   */
  readonly title: string;
}

/** The contents of configuration space as decoded text. */
export interface Listing {
  readonly header: readonly string[];
  /**
   * Null capabilities included. If registers are past the end of the image, `<unreadable>` replaces
   * their lines.
   */
  readonly capabilities: readonly ListedCapability[];
  /**
   * The broken links. A broken link ends its capability list too early. Capabilities after a broken
   * link are not listed.
   */
  readonly broken: readonly BrokenLink[];
}

const PCI_EXPRESS = 0x10;

/**
 * Decodes configuration space in the style of `lspci -vvv`. The flags have the same names and signs
 * as in lspci, and each line begins with the name of its register.
 *
 * @param config - the image of configuration space, 256 or 4096 bytes. A shorter image is decoded
 *   up to its end.
 * @param vpd - a function that reads vital product data, which are not in configuration space; null
 *   omits these data
 */
export function listConfig(config: Uint8Array, vpd: VpdReader | null = null): Listing {
  checkBytes(config, 'config');
  if (vpd !== null) checkFunction(vpd, 'vpd');
  const { capabilities, broken } = walkLists(config);
  const pcie = capabilities.find(({ id, extended }) => !extended && id === PCI_EXPRESS);
  const portType = pcie === undefined ? null : bits(u16(config, pcie.offset + 2), 4, 7);
  return {
    header: listHeader(config),
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
  const list = (image: Uint8Array) =>
    decodeReadable(title, lister ?? undecoded, new Place(image, offset, surroundings));
  const states = (extended ? EXTENDED_STATES : STANDARD_STATES)[id];
  if (states === undefined) return list(config);
  return addRemaining(list, config, offset, states(new Place(config, offset, surroundings)));
}

function listHeader(config: Uint8Array): readonly string[] {
  const list = (image: Uint8Array) => ({ title: '', lines: headerLines(image) });
  const type = bits(u8(config, 0x0e), 0, 6);
  return addRemaining(list, config, 0, HEADER_STATES[type] ?? []).lines;
}

/**
 * Formats configuration space as lines of 16 bytes. `lspci -x` writes this format, and `lspci -F`
 * reads this format.
 */
export function dumpConfig(config: Uint8Array): string[] {
  checkBytes(config, 'config');
  const lines: string[] = [];
  for (let offset = 0; offset < config.length; offset += 16) {
    const bytes = Array.from({ length: Math.min(16, config.length - offset) }, (_, index) =>
      hex(u8(config, offset + index), 2),
    );
    lines.push(`${hex(offset, 2)}: ${bytes.join(' ')}`);
  }
  return lines;
}
