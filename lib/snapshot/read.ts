import { U32_MAX } from '../checks.js';
import { IRQ_NAMES, REGION_NAMES } from '../contract/uapi.js';
import { parseDump } from './dump.js';
import { Field, SnapshotError } from './fields.js';
import { FORMAT, IRQ_FLAGS, REGION_FLAGS, type Snapshot, type SnapshotRegion } from './format.js';

const CONFIG = 7;
const VGA = 8;
/** Maximum size of the contents of a region, in bytes. */
const CONTENTS_MAX = 2 ** 26;
const VECTORS_MAX = 2048;
const FEATURES_MAX = 2 ** 16;
const RANGES_MAX = 1024;
const CAPABILITIES_MAX = 1024;

/**
 * Parses a snapshot and checks each field. Names and the list of capabilities are ignored, because
 * these fields are only for human readers.
 *
 * @throws SnapshotError if a field is invalid. The error message contains the path of the field.
 */
export function readSnapshot(text: string): Snapshot {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new SnapshotError(`the file is not JSON: ${(cause as Error).message}`);
  }
  const file = new Field(parsed).object(
    ...(['format', 'device', 'via', 'resets', 'config', 'capabilities?'] as const),
    ...(['regions', 'interrupts', 'features', 'dma'] as const),
  );
  file.format.choice([FORMAT]);
  if (file.capabilities.isGiven) file.capabilities.list(CAPABILITIES_MAX);
  const regions = file.regions.list(REGION_NAMES.length).map(readRegion);
  checkUnique(file.regions, regions);
  const config = regions.find(({ index }) => index === CONFIG);
  if (config === undefined) return file.regions.refuse('lack index 7 (configuration space)');
  if (config.size !== 256 && config.size !== 4096) {
    file.regions.refuse(
      `must contain index 7 with a size of 256 or 4096 bytes, not ${config.size}`,
    );
  }
  const interrupts = file.interrupts.list(IRQ_NAMES.length).map((field) => {
    const { index, count, flags } = field.object('index', 'name?', 'count', 'flags');
    return {
      index: index.integer(IRQ_NAMES.length - 1),
      count: count.integer(VECTORS_MAX),
      flags: flags.flags(IRQ_FLAGS),
    };
  });
  checkUnique(file.interrupts, interrupts);
  return {
    device: file.device.text(),
    via: file.via.choice(['group', 'cdev', 'noiommu', 'vfio-user']),
    resets: file.resets.boolean(),
    config: readDump(file.config, config.size),
    regions,
    interrupts,
    features: file.features.list(FEATURES_MAX).map((field) => {
      const { number, get, set } = field.object('number', 'name?', 'get', 'set');
      return { number: number.integer(FEATURES_MAX - 1), get: get.boolean(), set: set.boolean() };
    }),
    dma: readDma(file.dma),
  };
}

function readRegion(field: Field): SnapshotRegion {
  const region = field.object('index', 'name?', 'size', 'flags', 'capabilities', 'contents?');
  const index = region.index.integer(VGA);
  const size = region.size.integer(Number.MAX_SAFE_INTEGER, 1);
  if (region.contents.isGiven && size > CONTENTS_MAX) {
    region.contents.refuse(`are limited to ${CONTENTS_MAX} bytes, but the region has ${size}`);
  }
  return {
    index,
    size,
    flags: region.flags.flags(REGION_FLAGS),
    capabilities: region.capabilities.list(CAPABILITIES_MAX).map((id) => id.integer(U32_MAX)),
    contents: region.contents.isGiven ? readDump(region.contents, size) : undefined,
  };
}

function readDump(field: Field, size: number): Uint8Array {
  const lines = field.list(size).map((line) => line.text());
  const bytes = parseDump(lines, size);
  return typeof bytes === 'string' ? field.refuse(`has an invalid row: ${bytes}`) : bytes;
}

function readDma(field: Field): Snapshot['dma'] {
  const { page_sizes: pageSizes, ranges } = field.object('page_sizes', 'ranges');
  let next = 0n;
  return {
    pageSizes: pageSizes.bigint(),
    ranges: ranges.list(RANGES_MAX).map((range) => {
      const [start, end, ...rest] = range.list(2);
      if (start === undefined || end === undefined || rest.length > 0) {
        return range.refuse('must be a list of a first and a last address');
      }
      const [first, last] = [start.bigint(), end.bigint()];
      if (first < next || last < first)
        range.refuse(
          'must start after the end of the previous range, and the last address must not be below the first',
        );
      next = last + 1n;
      return { start: first, end: last };
    }),
  };
}

function checkUnique(field: Field, items: readonly { readonly index: number }[]): void {
  const seen = new Set<number>();
  for (const { index } of items) {
    if (seen.has(index)) field.refuse(`contain index ${index} twice`);
    seen.add(index);
  }
}
