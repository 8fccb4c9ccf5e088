import { readFileSync } from 'node:fs';

/** Paths where distributions install the file `pci.ids` of https://pci-ids.ucw.cz. */
const PLACES = [
  '/usr/share/hwdata/pci.ids',
  '/usr/share/misc/pci.ids',
  '/usr/share/pci.ids',
  '/var/lib/pciutils/pci.ids',
];

/** Names for the ids of a function. A name is null if the id is not listed. */
export interface PciNames {
  readonly vendor: string | null;
  readonly device: string | null;
  readonly subsystem: string | null;
  /**
   * Name of the subclass, `'Non-Volatile memory controller'`. If the subclass is not listed, the
   * name of the class is followed by the number: `'Mass storage controller [0177]'`.
   */
  readonly class: string | null;
  /** `'NVM Express'`. */
  readonly programmingInterface: string | null;
}

/** The ids of a function. */
export interface PciNumbers {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** 24 bits: base class, sub class, programming interface. */
  readonly classCode: number;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** Number of bytes that are decoded first. Most sections are shorter. */
const WINDOW = 0x4000;

/**
 * Looks up the names of vendors, devices and classes in a file pci.ids. The file has more than a
 * million bytes. Only the sections of the requested ids are decoded, because this takes a tenth of
 * the time.
 */
export class PciIds {
  readonly #bytes: Buffer;
  readonly #sections = new Map<string, string | null>();

  /** @param contents - contents of a file pci.ids; empty contents have no names */
  constructor(contents: string | Buffer) {
    this.#bytes = typeof contents === 'string' ? Buffer.from(contents) : contents;
  }

  /**
   * Loads the file that is installed on this system. If no file is installed, the list of names is
   * empty.
   */
  static ofSystem(places: readonly string[] = PLACES): PciIds {
    for (const place of places) {
      try {
        return new PciIds(readFileSync(place));
      } catch {
        // Try the path of the next distribution.
      }
    }
    return new PciIds('');
  }

  names(numbers: PciNumbers): PciNames {
    const { classCode } = numbers;
    const vendor = this.#section(hex(numbers.vendorId, 4));
    const device = sub(vendor, 1, hex(numbers.deviceId, 4));
    const base = this.#section(`C ${hex(classCode >> 16, 2)}`);
    const subclass = sub(base, 1, hex((classCode >> 8) & 0xff, 2));
    return {
      vendor: titleOf(vendor),
      device: titleOf(device),
      subsystem: this.#subsystem(numbers, vendor, device),
      class: titleOf(subclass) ?? withCode(titleOf(base), classCode),
      programmingInterface: titleOf(sub(subclass, 2, hex(classCode & 0xff, 2))),
    };
  }

  /**
   * Returns the name of a subsystem. If the subsystem has the same ids as the device, returns the
   * device's name.
   */
  #subsystem(numbers: PciNumbers, vendor: string | null, device: string | null): string | null {
    const { subsystemVendorId, subsystemId } = numbers;
    const ids = `${hex(subsystemVendorId, 4)} ${hex(subsystemId, 4)}`;
    const listed = titleOf(sub(device, 2, ids));
    if (listed !== null) return listed;
    const same = subsystemVendorId === numbers.vendorId && subsystemId === numbers.deviceId;
    return same ? titleOf(sub(vendor, 1, hex(subsystemId, 4))) : null;
  }

  vendor(id: number): string | null {
    return titleOf(this.#section(hex(id, 4)));
  }

  /**
   * Returns the section whose first line begins with `key`. The section ends before the next line
   * without indentation.
   */
  #section(key: string): string | null {
    let section = this.#sections.get(key);
    if (section === undefined) {
      section = cutSection(this.#bytes, `${key}  `);
      this.#sections.set(key, section);
    }
    return section;
  }
}

/** Returns a section, with one character for each byte (latin1). */
function cutSection(bytes: Buffer, start: string): string | null {
  const isFirst = bytes.toString('latin1', 0, start.length) === start;
  const from = isFirst ? 0 : bytes.indexOf(`\n${start}`) + 1;
  if (from === 0 && !isFirst) return null;
  for (let size = WINDOW; ; size *= 8) {
    const text = bytes.toString('latin1', from, from + size);
    const end = text.search(/\n[^\t#]/);
    if (end >= 0) return text.slice(0, end);
    if (from + size >= bytes.length) return text;
  }
}

function withCode(base: string | null, classCode: number): string | null {
  return base === null ? null : `${base} [${hex(classCode >> 8, 4)}]`;
}

/**
 * Returns the lines of an entry that is indented by `depth` tabs. The entry ends before the next
 * line with the same or less indentation.
 */
function sub(section: string | null, depth: number, key: string): string | null {
  if (section === null) return null;
  const next = depth === 1 ? /\n\t?[^\t]/g : /\n\t{0,2}[^\t]/g;
  return cut(section, `\n${'\t'.repeat(depth)}${key}  `, next);
}

function cut(text: string, start: string, next: RegExp): string | null {
  const from = text.indexOf(start);
  if (from < 0) return null;
  next.lastIndex = from + start.length;
  const end = next.exec(text)?.index ?? text.length;
  return text.slice(from, end);
}

/** Returns the name that follows the number in the first line of a section. */
function titleOf(section: string | null): string | null {
  const name = section === null ? undefined : / {2}(.*)/.exec(section)?.[1];
  return name === undefined ? null : Buffer.from(name, 'latin1').toString('utf8');
}
