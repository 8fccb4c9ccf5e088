import { bits, u8 } from '../bytes.js';
import { hex, type Lister, type Place, signs } from './row.js';

const HEADER_TYPE = 0x0e;
const BRIDGE = 1;

/** The maximum number of outstanding split transactions, for each code of the register. */
const OUTSTANDING = [1, 2, 3, 4, 8, 12, 16, 32];
const FREQUENCIES = ['conv', '66MHz', '100MHz', '133MHz', '?4', '?5', '?6', '?7'];

/** PCI-X Protocol Addendum to the PCI Local Bus Specification, sections 7.2 and 8.6.2. */
export const pcix: Lister = (place) =>
  bits(u8(place.config, HEADER_TYPE), 0, 6) === BRIDGE
    ? { title: 'PCI-X bridge device', lines: bridgeLines(place) }
    : { title: 'PCI-X non-bridge device', lines: deviceLines(place) };

/** Formats the bus, device and function numbers in the status register. */
function location(status: number): string {
  return `Dev=${hex(bits(status, 8, 15), 2)}:${hex(bits(status, 3, 7), 2)}.${bits(status, 0, 2)}`;
}

/** Decodes the maximum byte count of a memory read. The count is a power of two. */
function bytes(register: number, low: number, smallest: number, width = 2): number {
  return 2 ** (smallest + bits(register, low, low + width - 1));
}

function deviceLines(place: Place): string[] {
  const command = place.u16(2);
  const status = place.u32(4);
  const complexity = bits(status, 20) === 1 ? 'bridge' : 'simple';
  const width = { '64bit': 16, '133MHz': 17, SCD: 18, USC: 19 };
  const modes = { RSCEM: 29, '266MHz': 30, '533MHz': 31 };
  return [
    `Command: ${signs(command, { DPERE: 0, ERO: 1 })} RBC=${bytes(command, 2, 9)} OST=${OUTSTANDING[bits(command, 4, 6)] ?? ''}`,
    `Status: ${location(status)} ${signs(status, width)} DC=${complexity} DMMRBC=${bytes(status, 21, 9)} DMOST=${OUTSTANDING[bits(status, 23, 25)] ?? ''} DMCRS=${bytes(status, 26, 3, 3)} ${signs(status, modes)}`,
  ];
}

function bridgeLines(place: Place): string[] {
  const secondary = place.u16(2);
  const status = place.u32(4);
  const flags = (low: number) => ({
    '64bit': low,
    '133MHz': low + 1,
    SCD: low + 2,
    USC: low + 3,
    SCO: low + 4,
    SRD: low + 5,
  });
  const splits = (offset: number) =>
    `Capacity=${place.u16(offset)} CommitmentLimit=${place.u16(offset + 2)}`;
  return [
    `Secondary Status: ${signs(secondary, flags(0))} Freq=${FREQUENCIES[bits(secondary, 6, 8)] ?? ''}`,
    `Status: ${location(status)} ${signs(status, flags(16))}`,
    `Upstream: ${splits(0x8)}`,
    `Downstream: ${splits(0xc)}`,
  ];
}
