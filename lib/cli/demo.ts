import { parseArgs } from 'node:util';
import { demoFor, type DemoReport } from '../demo/index.js';
import { openDevice, type PciDevice } from '../index.js';
import { toJson } from './json.js';
import { table } from './table.js';
import { UsageError } from './usage.js';

export const summary = 'drive a device end to end: registers, DMA, interrupts';

export const usage = `vfio demo <device> [--json]

Runs a small user-space driver on a device and verifies what it did. Exit code 0 only if what was
written was read back and the interrupts arrived. Blocks of a disk that are written are put back.

  <device>   mock:nvme, or an NVMe controller's address such as 0000:01:00.0
  --json     prints one JSON object

Example: vfio demo mock:nvme`;

/** What any device can tell about itself. */
function describe(device: PciDevice): {
  data: Record<string, unknown>;
  lines: DemoReport['lines'];
} {
  const header = device.config.header();
  const bars = device.config.bars();
  const capabilities = device.config.capabilities();
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return {
    data: {
      device: device.name,
      via: device.via,
      ids: `${hex(header.vendorId, 4)}:${hex(header.deviceId, 4)}`,
      class: hex(header.classCode, 6),
      bars,
      capabilities: capabilities.map(({ name, offset }) => ({ name, offset })),
    },
    lines: [
      ['device', `${device.name} via ${device.via}`],
      [
        'ids',
        `${hex(header.vendorId, 4)}:${hex(header.deviceId, 4)}, class ${hex(header.classCode, 6)}`,
      ],
      ...bars.map(
        (bar) =>
          [
            `BAR ${bar.index}`,
            `${bar.kind}${bar.prefetchable ? ', prefetchable' : ''}, ${device.bar(bar.index).size} bytes`,
          ] as const,
      ),
      [
        'capabilities',
        capabilities.map(({ name, offset }) => `${name}@${hex(offset, 2)}`).join(' '),
      ],
    ],
  };
}

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0) throw new UsageError('give one device');

  await using device = await openDevice(name);
  const description = describe(device);
  const report = await (await demoFor(device))(device);
  if (values.json) {
    console.log(toJson({ ...description.data, ...report.data, ok: report.ok }));
  } else {
    console.log(table([...description.lines, ...report.lines]));
    console.log(report.ok ? 'ok' : 'FAILED');
  }
  return report.ok ? 0 : 1;
}
