import { bits } from '../bytes.js';
import { linkWidth } from './link-width.js';
import { type Lister, sign } from './row.js';

const LATENCIES = [
  'Less than 1us',
  '1us to less than 2us',
  '2us to less than 4us',
  '4us to less than 8us',
  '8us to less than 16us',
  '16us to less than 32us',
  '32us-64us',
  'More than 64us',
];

/** Formats flags whose names contain spaces. */
function list(register: number, names: Readonly<Record<string, number>>): string {
  return Object.entries(names)
    .map(([name, bit]) => `${name}${sign(register, bit)}`)
    .join(', ');
}

/** Device 3: PCI Express Base Specification, section 7.7.9. */
export const device3: Lister = (place) => {
  const capabilities = place.u32(0x4);
  const control = place.u32(0x8);
  const status = place.u32(0xc);
  const latency = (low: number) => LATENCIES[bits(capabilities, low, low + 2)] ?? '';
  const latencies = `, Port L0p Exit Latency: ${latency(4)}, Retimer L0p Exit Latency: ${latency(7)}`;
  const can = {
    'DMWr Request Routing': 0,
    '14-Bit Tag Completer': 1,
    '14-Bit Tag Requester': 2,
  };
  const does = { 'DMWr Requester': 0, 'DMWr Egress Blocking': 1, '14-Bit Tag Requester': 2 };
  const boundary = bits(control, 8) === 1 ? '-' : '+';
  return {
    title: 'Device 3',
    lines: [
      `DevCap3: ${list(capabilities, can)}`,
      `  L0p${sign(capabilities, 3)}${bits(capabilities, 3) === 1 ? latencies : ''}`,
      `  ${list(capabilities, { 'UIO Mem RdWr Completer': 10, 'UIO Mem RdWr Requester': 11 })}`,
      `DevCtl3: ${list(control, does)}`,
      `  L0p${sign(control, 3)}, Target Link Width: ${linkWidth(bits(control, 4, 6))}`,
      `  UIO Mem RdWr Requester${sign(control, 7)}, UIO Request 256B Boundary${boundary}`,
      `DevSta3: Initial Link Width: ${linkWidth(bits(status, 0, 2))}, ${list(status, { 'Segment Captured': 3, 'Remote L0p': 4 })}`,
    ],
  };
};
