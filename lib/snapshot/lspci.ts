import { bits, u16 } from '../pci/bytes.js';
import { DECODERS, decodeBars, isUnresponsive, walkCapabilities } from '../pci/index.js';
import { SnapshotError } from './fields.js';
import type { Snapshot, SnapshotRegion } from './format.js';

/** A function in the output of `lspci -x`, `-xxx` or `-xxxx`, or of `vfio config -x`. */
export interface DumpedFunction {
  /** The address, with the domain. */
  readonly address: string;
  /** 64, 256 or 4096 bytes. Bytes that are in no row are 0. */
  readonly config: Uint8Array;
  /**
   * The sizes of the regions in bytes, by index. Only the output of `lspci -v` contains sizes. The
   * index 6 is the expansion ROM.
   */
  readonly sizes: ReadonlyMap<number, number>;
}

/** Indentation and the marks of a quoted mail. */
const MARGIN = /^[>\s]+/;
/**
 * `lspci -P` prints the bridges before the address. `lspci -vmm` prints `Slot:`, and `lspci -vm`
 * prints `Device:`.
 */
const ADDRESS =
  /^(?:(?:Slot|Device):\s+)?(?:\S+\/)?(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[01][0-9a-f]\.[0-7])(?:\s|$)/i;
const ROW = /^([0-9a-f]{2,4}): ([0-9a-f]{2}(?: [0-9a-f]{2}){0,15})$/i;
/** The start of a row. No other line of lspci starts in this way. */
const ROW_START = /^[0-9a-f]{2,4}:(\s|$)/i;
const REGION = /^(?:Region (\d):|Expansion ROM at) .*\[size=(\d+)([KMGT]?)\]/;
const UNITS = ['', 'K', 'M', 'G', 'T'];
const SIZES = [64, 256, 4096];
const ROM = 6;

/**
 * Parses a dump. Lines that are neither an address, nor a row of bytes, nor a region are ignored,
 * because the output of `lspci -vvv` contains them.
 *
 * @throws SnapshotError if the text contains no configuration space, bytes without an address, a
 *   damaged row, a row twice, or a function without its first bytes
 */
export function readDumps(text: string): DumpedFunction[] {
  const functions: { address: string; rows: Map<number, number[]>; sizes: Map<number, number> }[] =
    [];
  for (const original of text.replace(/^\ufeff/, '').split(/\r?\n/)) {
    const line = original.replace(MARGIN, '').trimEnd();
    const [, domain = '0000', place] = ADDRESS.exec(line) ?? [];
    if (place !== undefined) {
      const address = `${domain}:${place}`.toLowerCase();
      functions.push({ address, rows: new Map(), sizes: new Map() });
      continue;
    }
    const [, offset, bytes] = ROW.exec(line) ?? [];
    const current = functions.at(-1);
    if (offset === undefined && current !== undefined && ROW_START.test(line)) {
      const row = line.slice(0, 80);
      throw new SnapshotError(`the row '${row}' of ${current.address} is not 1 to 16 bytes in hex`);
    }
    if (offset !== undefined && bytes !== undefined) {
      if (current === undefined) {
        throw new SnapshotError(`the row '${line}' has no address such as 01:00.0 above`);
      }
      const start = parseInt(offset, 16);
      if (current.rows.has(start)) {
        throw new SnapshotError(`the dump of ${current.address} has two rows ${offset}`);
      }
      current.rows.set(
        start,
        bytes.split(' ').map((byte) => parseInt(byte, 16)),
      );
    }
    const [found, region, count, unit = ''] = REGION.exec(line) ?? [];
    if (found === undefined) continue;
    const size = Number(count) * 1024 ** UNITS.indexOf(unit);
    current?.sizes.set(region === undefined ? ROM : Number(region), size);
  }
  const dumped = functions.filter(({ rows }) => rows.size > 0);
  if (dumped.length === 0) {
    throw new SnapshotError("the file contains no output of 'lspci -xxxx' or 'vfio config -x'");
  }
  return dumped.map(({ address, rows, sizes }) => ({
    address,
    sizes,
    config: join(address, rows),
  }));
}

function join(address: string, rows: ReadonlyMap<number, readonly number[]>): Uint8Array {
  if (!rows.has(0)) {
    throw new SnapshotError(`the dump of ${address} lacks the row 00, which contains the ids`);
  }
  const end = Math.max(...[...rows].map(([offset, row]) => offset + row.length));
  const size = SIZES.find((one) => end <= one);
  if (size === undefined) throw new SnapshotError(`${address} has more than 4096 bytes`);
  const config = new Uint8Array(size);
  for (const [offset, row] of rows) config.set(row, offset);
  return config;
}

/**
 * Selects a function by its address.
 *
 * @param address - with a domain; null selects the only function
 * @throws SnapshotError if the dump does not contain the function, or several functions
 */
export function chooseFunction(
  functions: readonly DumpedFunction[],
  address: string | null,
): DumpedFunction {
  const list = functions.map((one) => one.address).join(', ');
  const chosen = functions.filter((one) => address === null || one.address === address);
  const [found, ...others] = chosen;
  if (found === undefined) {
    throw new SnapshotError(`the dump does not contain the function ${address ?? ''}: ${list}`);
  }
  if (others.length > 0) {
    const isOne = others.every((one) => one.address === found.address);
    throw new SnapshotError(
      isOne
        ? `the dump contains the function ${found.address} ${chosen.length} times; keep one of them`
        : `the dump contains ${chosen.length} functions; choose an address: ${list}`,
    );
  }
  return found;
}

const CONFIG = 7;
const READ_WRITE = 3;
const PAGE = 4096;
const ENTRY = 16;

/**
 * Converts a dump to a snapshot. A BAR of unknown size becomes a region only if the BAR contains
 * the MSI-X structures. The region then has the smallest size that contains these structures.
 *
 * @throws SnapshotError if the dump contains only the header, or all ones
 */
export function toSnapshot({ address, config, sizes }: DumpedFunction): Snapshot {
  if (config.length < 256) {
    throw new SnapshotError(
      `the dump of ${address} contains ${config.length} bytes of configuration space, which lack ` +
        "the capabilities: 'lspci -xxx' prints 256 bytes, and needs root privileges",
    );
  }
  if (isUnresponsive(config)) {
    throw new SnapshotError(`the dump of ${address} is all ones: the function did not respond`);
  }
  const needed = messageSizes(config);
  const bars = decodeBars(config).flatMap(({ index }) => {
    const size = sizes.get(index) ?? needed.get(index);
    return size === undefined ? [] : [region(index, size)];
  });
  const rom = sizes.get(ROM);
  return {
    device: address,
    via: 'group',
    resets: hasReset(config),
    config,
    regions: [
      ...bars,
      ...(rom === undefined ? [] : [region(ROM, rom)]),
      region(CONFIG, config.length),
    ],
    interrupts: [],
    features: [],
    dma: { pageSizes: BigInt(PAGE), ranges: [] },
  };
}

function region(index: number, size: number): SnapshotRegion {
  return { index, size, flags: READ_WRITE, capabilities: [] };
}

/** Returns the smallest sizes of the BARs that contain the MSI-X table and the pending bits. */
function messageSizes(config: Uint8Array): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  const msix = walkCapabilities(config).find(({ name }) => name === 'msix');
  if (msix === undefined) return sizes;
  const { vectors, table, pba } = DECODERS.msix(config, msix.offset);
  for (const [bar, end] of [
    [table.bir, table.offset + vectors * ENTRY],
    [pba.bir, pba.offset + Math.ceil(vectors / 64) * 8],
  ] as const) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(PAGE, end)));
    sizes.set(bar, Math.max(size, sizes.get(bar) ?? 0));
  }
  return sizes;
}

/** Whether the function supports a function level reset. */
function hasReset(config: Uint8Array): boolean {
  return walkCapabilities(config).some(({ name, offset }) => {
    if (name === 'pcie') return bits(u16(config, offset + 6), 12) === 1;
    return name === 'af' && bits(u16(config, offset + 2), 8, 9) === 3;
  });
}
