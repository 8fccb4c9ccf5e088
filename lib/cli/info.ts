import {
  FEATURE_NAMES,
  IRQ_NAMES,
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_IRQ_INFO_AUTOMASKED,
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_MASKABLE,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import type { PciDevice } from '../index.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { regionName } from '../contract/uapi.js';
import { columns } from './table.js';
import { paint } from './terminal.js';
import { VF_TOKEN } from './token.js';

/**
 * Interrupt indexes that can have several vectors. Vectors can be added to such an index later,
 * unless the kernel sets the flag NORESIZE. All other indexes have one vector, and the kernel never
 * sets NORESIZE for them.
 */
const GROWABLE: readonly number[] = [VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX];

/** Returns the kernel's answer, or null if the kernel refuses the call. */
function attempt<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch (error) {
    if (error instanceof VfioError) return null;
    throw error;
  }
}

function interrupts({ connection, info }: PciDevice) {
  const all = Array.from({ length: info.numIrqs }, (_, index) => {
    const answer = attempt(() => connection.getIrqInfo(index));
    if (answer === null || answer.count === 0) return null;
    const has = (flag: number) => (answer.flags & flag) !== 0;
    return {
      index,
      name: IRQ_NAMES[index] ?? `irq${index}`,
      count: answer.count,
      eventfd: has(VFIO_IRQ_INFO_EVENTFD),
      maskable: has(VFIO_IRQ_INFO_MASKABLE),
      automasked: has(VFIO_IRQ_INFO_AUTOMASKED),
      growable: GROWABLE.includes(index) && !has(VFIO_IRQ_INFO_NORESIZE),
    };
  });
  return all.filter((irq) => irq !== null);
}

function features(device: PciDevice) {
  return FEATURE_NAMES.map((name, number) => ({
    number,
    name,
    ...device.features.probe(number),
  })).filter(({ get, set }) => get || set);
}

function resets(device: PciDevice) {
  const affected = attempt(() => device.hotResetInfo());
  return {
    function: (device.info.flags & VFIO_DEVICE_FLAGS_RESET) !== 0,
    bus: affected === null ? null : affected.devices.map(({ name }) => name),
  };
}

function describe(device: PciDevice) {
  const { addressSpace } = device.connection;
  return {
    device: device.name,
    via: device.via,
    regions: device.regions.map((region) => ({
      index: region.index,
      name: regionName(region.index),
      size: region.size,
      readable: region.readable,
      writable: region.writable,
      mappable: region.mappable,
      sparseAreas: region.sparseAreas,
      msixMappable: region.msixMappable,
      type: region.type,
    })),
    interrupts: interrupts(device),
    features: features(device),
    dma: {
      ranges: attempt(() => device.dma.ranges()) ?? [],
      pageSizes: pageSizes(attempt(() => addressSpace.pageSizes) ?? 0n),
    },
    reset: resets(device),
    capabilities: device.config.capabilities(),
  };
}

type Description = ReturnType<typeof describe>;

function pageSizes(mask: bigint): bigint[] {
  return Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)).filter(
    (size) => (mask & size) !== 0n,
  );
}

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

function words(list: Readonly<Record<string, boolean>>): string {
  const names = Object.entries(list).filter(([, value]) => value);
  return names.map(([name]) => name).join(', ');
}

function regionRow(region: Description['regions'][number]): string[] {
  const { readable, writable, mappable, sparseAreas, type } = region;
  const parts = (sparseAreas ?? []).map(({ offset, size }) => `${hex(offset)}+${hex(size)}`);
  const can = words({ read: readable, write: writable, mmap: mappable });
  const only = parts.length === 0 ? '' : ` at ${parts.join(', ')}`;
  const own = type === null ? '' : `, type ${hex(type.type)}/${hex(type.subtype)}`;
  return [region.name, `${region.size} bytes`, can + only + own];
}

/**
 * Formats page sizes. A long list is shortened to the smallest size and "every larger power of
 * two".
 */
function pages(sizes: readonly bigint[]): string {
  const [first, second] = sizes;
  if (first === undefined) return 'no pages';
  const every = second === first * 2n && sizes.length > 4;
  return every ? `${first} bytes and every larger power of two` : `${sizes.join(', ')} bytes`;
}

function report(found: Description): string {
  const { reset } = found;
  const others = reset.bus?.filter((name) => name !== found.device) ?? [];
  const bus =
    reset.bus === null
      ? 'no'
      : others.length === 0
        ? 'this function alone'
        : `with ${others.join(', ')}`;
  const section = (title: string, rows: readonly (readonly string[])[]) =>
    `${paint('bold', title)}\n${columns(rows.map((row) => ['', ...row])) || '  none'}`;
  return [
    `${paint('bold', found.device)} via ${found.via}`,
    section('regions', found.regions.map(regionRow)),
    section(
      'interrupts',
      found.interrupts.map(({ name, count, growable, maskable, automasked }) => [
        name,
        `${count}`,
        words({ growable, maskable, automasked }),
      ]),
    ),
    section(
      'features',
      found.features.map(({ number, name, get, set }) => [`${number}`, name, words({ get, set })]),
    ),
    section('dma', [
      ...found.dma.ranges.map(({ start, end }) => [`${hex(start)} to ${hex(end)}`]),
      [`pages of ${pages(found.dma.pageSizes)}`],
    ]),
    section('reset', [
      ['function', reset.function ? 'yes' : 'no'],
      ['bus or slot', bus],
    ]),
    section(
      'capabilities',
      found.capabilities.map(({ offset, name, title }) => [
        `[${offset.toString(16).padStart(2, '0')}]`,
        name,
        title,
      ]),
    ),
  ].join('\n');
}

export const command = defineCommand({
  about: `Shows the properties that VFIO reports for a device: regions with their access rights,
    interrupts, features that can be read or set, IOVA ranges for DMA, resets and capabilities.`,
  operands: { device: { from: 'devices' } },
  options: {
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio info mock:nvme'],
  async run({ options, operands }) {
    await using device = await openDevice(operands.device, options);
    const found = describe(device);
    console.log(options.json ? toJson(found) : report(found));
    return 0;
  },
});
