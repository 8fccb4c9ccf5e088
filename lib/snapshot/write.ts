import { FEATURE_NAMES, IRQ_NAMES, REGION_NAMES } from '../contract/uapi.js';
import { walkCapabilities } from '../pci/index.js';
import { dump } from './dump.js';
import { FORMAT, IRQ_FLAGS, REGION_FLAGS, type Snapshot } from './format.js';

/**
 * Formats a snapshot as JSON that people and programs can read. Offsets and addresses are strings
 * of the form `"0x…"`.
 */
export function writeSnapshot(snapshot: Snapshot): string {
  const { device, via, resets, config, regions, interrupts, features, dma } = snapshot;
  const file = {
    format: FORMAT,
    device,
    via,
    resets,
    config: dump(config),
    capabilities: walkCapabilities(config).map(({ offset, id, name }) => ({
      offset: hex(offset),
      id: hex(id),
      name,
    })),
    regions: regions.map(({ index, size, flags, capabilities, contents }) => ({
      index,
      name: REGION_NAMES[index] ?? `region${index}`,
      size: hex(size),
      flags: names(flags, REGION_FLAGS),
      capabilities,
      contents: contents === undefined ? undefined : dump(contents),
    })),
    interrupts: interrupts.map(({ index, count, flags }) => ({
      index,
      name: IRQ_NAMES[index] ?? `irq${index}`,
      count,
      flags: names(flags, IRQ_FLAGS),
    })),
    features: features.map(({ number, get, set }) => ({
      number,
      name: FEATURE_NAMES[number]?.toLowerCase() ?? `feature${number}`,
      get,
      set,
    })),
    dma: {
      page_sizes: hex(dma.pageSizes),
      ranges: dma.ranges.map(({ start, end }) => [hex(start), hex(end)]),
    },
  };
  return `${layout(file)}\n`;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function names(flags: number, all: readonly string[]): string[] {
  return all.filter((_, bit) => (flags & (1 << bit)) !== 0);
}

const WIDTH = 100;

/** Formats a value as JSON. A value that fits on one line is not broken into several lines. */
function layout(value: unknown, indent = ''): string {
  const isList = Array.isArray(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const deeper = `${indent}  `;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => {
      const label = isList ? '' : `${JSON.stringify(key)}: `;
      return { long: label + layout(item, deeper), short: label + layout(item) };
    });
  const [open, close] = isList ? ['[', ']'] : ['{ ', ' }'];
  const line = open + entries.map(({ short }) => short).join(', ') + close;
  if (indent.length + line.length <= WIDTH && !line.includes('\n')) return line;
  const lines = entries.map(({ long }) => deeper + long).join(',\n');
  return `${open.trim()}\n${lines}\n${indent}${close.trim()}`;
}
