import type { PciDevice } from '../index.js';
import type { DemoReport } from './report.js';

type Line = readonly [label: string, text: string];

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** Lists the names of the bits that are set. A plus follows each name, as in lspci. */
function listSetBits(fields: Readonly<Record<string, number>>): string {
  const names = Object.entries(fields).filter(([, value]) => value !== 0);
  return names.map(([name]) => `${name}+`).join(' ') || 'none';
}

/**
 * Returns the main fields of a decoded capability as text, or an empty text for other capabilities.
 */
function formatDetails({ config }: PciDevice, name: string): string {
  switch (name) {
    case 'msix': {
      const msix = config.details('msix');
      if (msix === undefined) return '';
      const { table, pba } = msix;
      return `, ${msix.vectors} vectors, table in BAR ${table.bir} at 0x${hex(table.offset, 1)}, PBA in BAR ${pba.bir} at 0x${hex(pba.offset, 1)}`;
    }
    case 'msi': {
      const msi = config.details('msi');
      if (msi === undefined) return '';
      return `, ${msi.vectors} vectors, ${msi.address64 ? 64 : 32}-bit address`;
    }
    case 'pcie': {
      const pcie = config.details('pcie');
      if (pcie === undefined) return '';
      return `, version ${pcie.version}, ${pcie.type}, ${pcie.flr ? 'FLR' : 'no FLR'}`;
    }
    case 'pm':
      return `, in D${config.details('pm')?.powerState ?? 0}`;
    default:
      return '';
  }
}

/** Describes any device: the decoded header, the BARs and both capability lists. */
export function describe(device: PciDevice): Pick<DemoReport, 'data' | 'lines'> {
  const header = device.config.header();
  const bars = device.config.bars().filter(({ index }) => device.bar(index).size > 0n);
  const capabilities = device.config.capabilities();
  const ids = `${hex(header.vendorId, 4)}:${hex(header.deviceId, 4)}`;
  return {
    data: {
      device: device.name,
      via: device.via,
      ids,
      class: hex(header.classCode, 6),
      command: header.command,
      status: header.status,
      bars: bars.map((bar) => ({ ...bar, size: device.bar(bar.index).size })),
      capabilities: capabilities.map(({ id, name, offset }) => ({ id, name, offset })),
    },
    lines: [
      ['device', `${device.name} via ${device.via}`],
      ['ids', `${ids}, class ${hex(header.classCode, 6)}, revision ${hex(header.revision, 2)}`],
      ['command', listSetBits(header.command)],
      ['status', listSetBits(header.status)],
      ...bars.map(({ index, kind, prefetchable }): Line => {
        const what = `${kind}${prefetchable ? ', prefetchable' : ''}`;
        return [`BAR ${index}`, `${what}, ${device.bar(index).size} bytes`];
      }),
      ...capabilities.map(({ name, title, offset }): Line => {
        return [`[${hex(offset, 2)}] ${name}`, `${title}${formatDetails(device, name)}`];
      }),
    ],
  };
}
