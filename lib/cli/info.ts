import { VfioError } from '../errors.js';
import type { PciDevice } from '../index.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { regionName } from './regions.js';
import { columns } from './table.js';
import { paint } from './terminal.js';

const IRQS = ['intx', 'msi', 'msix', 'err', 'req'];
/** VFIO_IRQ_INFO_*, VFIO_DEVICE_FLAGS_RESET. */
const EVENTFD = 1;
const MASKABLE = 2;
const AUTOMASKED = 4;
const NORESIZE = 8;
const FLAGS_RESET = 1;
/** MSI and MSI-X: what is one vector for ever has no NORESIZE to tell so. */
const GROWS = [1, 2];

/** VFIO_DEVICE_FEATURE_* by number. 11 was proposed as PCI_MSI_NOVIRT, which is set. */
const FEATURES = [
  'PCI_VF_TOKEN',
  'MIGRATION',
  'MIG_DEVICE_STATE',
  'LOW_POWER_ENTRY',
  'LOW_POWER_ENTRY_WITH_WAKEUP',
  'LOW_POWER_EXIT',
  'DMA_LOGGING_START',
  'DMA_LOGGING_STOP',
  'DMA_LOGGING_REPORT',
  'MIG_DATA_SIZE',
  'BUS_MASTER',
  'DMA_BUF',
  'MIG_PRECOPY_INFOv2',
];

/** What the kernel has no answer to is not there. */
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
      name: IRQS[index] ?? `irq${index}`,
      count: answer.count,
      eventfd: has(EVENTFD),
      maskable: has(MASKABLE),
      automasked: has(AUTOMASKED),
      growable: GROWS.includes(index) && !has(NORESIZE),
    };
  });
  return all.filter((irq) => irq !== null);
}

function features(device: PciDevice) {
  return FEATURES.map((name, number) => ({
    number,
    name,
    ...device.features.probe(number),
  })).filter(({ get, set }) => get || set);
}

function resets(device: PciDevice) {
  const affected = attempt(() => device.hotResetInfo());
  return {
    function: (device.info.flags & FLAGS_RESET) !== 0,
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

/** Many page sizes are every power of two from the smallest on. */
function pages(sizes: readonly bigint[]): string {
  const [first, second] = sizes;
  if (first === undefined) return 'no pages';
  const every = second === first * 2n && sizes.length > 4;
  return every ? `${first} bytes and every power of two above` : `${sizes.join(', ')} bytes`;
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
  about: `What VFIO tells of a device: regions and how they can be used, interrupts, features by
    direction, the addresses its DMA can reach, resets, capabilities.`,
  operands: { device: { from: 'devices' } },
  options: { json: { type: 'boolean', help: 'prints one JSON object' } },
  examples: ['vfio info mock:nvme'],
  async run({ options, operands }) {
    await using device = await openDevice(operands.device);
    const found = describe(device);
    console.log(options.json ? toJson(found) : report(found));
    return 0;
  },
});
