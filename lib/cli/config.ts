import { isMockName } from '../contract/names.js';
import type { PciDevice } from '../index.js';
import type * as pci from '../pci/index.js';
import { printable } from '../printable.js';
import { byteSize } from '../pci/listing/size.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { paint } from './terminal.js';
import { VF_TOKEN } from './token.js';
import { UsageError } from './usage.js';
import { createVpdReader } from './vpd.js';

export const command = defineCommand({
  about: `Decodes and prints configuration space like lspci -vvv, or reads and sets registers by
    name. All names are checked before the first write. Each register is read back after its write.
    As in setpci, numbers are hexadecimal, and value:mask changes only the bits that are set in
    mask. When the device is closed, vfio-pci restores configuration space, so most settings are
    lost.`,
  operands: {
    device: { from: 'devices' },
    'register[=value]': {
      optional: true,
      repeated: true,
      help: `register names of setpci (COMMAND, CAP_MSIX+2.w, ECAP_AER+8.l, 40.b) or of this
        library: command.bus_master, msix.control.enable, pcie.device_control`,
    },
  },
  options: {
    hex: { type: 'boolean', short: 'x', help: 'prints a hex dump for lspci -F' },
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: [
    'vfio config mock:nvme',
    'vfio config 01:00.0 command.bus_master=1 CAP_MSIX+2.w',
    'vfio config mock:nvme COMMAND=6:6',
  ],
  async run({ options, operands }) {
    const settings = operands['register[=value]'];
    if (options.hex && settings.length > 0)
      throw new UsageError('-x cannot be used with registers');
    if (options.hex && options.json) throw new UsageError('give either -x or --json');
    const decoder = await import('../pci/index.js');
    await using device = await openDevice(operands.device, options);
    const config = device.config.read(0, device.config.size);
    if (settings.length > 0) {
      const accesses = parseSettings(decoder, settings, config).map((access) =>
        performAccess(device, access),
      );
      console.log(options.json ? toJson(accesses) : accesses.map(formatAccess).join('\n'));
      return 0;
    }
    if (options.json) console.log(toJson(describe(decoder, device, config)));
    else if (options.hex) console.log(dump(decoder, device, config));
    else console.log(listing(decoder, device, config));
    return 0;
  },
});

type Decoder = typeof pci;

/** Parses all settings before the first write, so that a mistake leaves the device unchanged. */
function parseSettings(
  { parseSetting, SettingError }: Decoder,
  settings: readonly string[],
  config: Uint8Array,
): pci.Access[] {
  try {
    return settings.flatMap((setting) => parseSetting(setting, config));
  } catch (error) {
    if (error instanceof SettingError) throw new UsageError(error.message);
    throw error;
  }
}

interface Performed {
  readonly register: string;
  readonly offset: number;
  readonly width: number;
  readonly value: number;
  /** The value before the write; undefined for a read. */
  readonly before?: number;
  /** The value written; undefined for a read. */
  readonly wrote?: number;
}

function performAccess(
  { config }: PciDevice,
  { text, offset, width, change }: pci.Access,
): Performed {
  const read = () =>
    width === 1
      ? config.read8(offset)
      : width === 2
        ? config.read16(offset)
        : config.read32(offset);
  const value = read();
  const what = { register: text, offset, width };
  if (change === null) return { ...what, value };
  const wrote = ((value & ~change.mask) | (change.value & change.mask)) >>> 0;
  if (width === 1) config.write8(offset, wrote);
  else if (width === 2) config.write16(offset, wrote);
  else config.write32(offset, wrote);
  return { ...what, before: value, wrote, value: read() };
}

function formatAccess({ register, width, before, wrote, value }: Performed): string {
  const hex = (number: number) => number.toString(16).padStart(2 * width, '0');
  if (before === undefined || wrote === undefined) return `${printable(register)} = ${hex(value)}`;
  const kept = value === wrote ? '' : ` (wrote ${hex(wrote)})`;
  return `${printable(register)}: ${hex(before)} -> ${hex(value)}${kept}`;
}

const digits = (value: number, count: number) => value.toString(16).padStart(count, '0');

function headline(device: PciDevice): string {
  const { vendorId, deviceId, classCode, revision } = device.config.header();
  const programming = classCode & 0xff;
  const progIf = programming === 0 ? '' : ` (prog-if ${digits(programming, 2)})`;
  return `${device.name} ${digits(classCode >> 8, 4)}: ${digits(vendorId, 4)}:${digits(deviceId, 4)} (rev ${digits(revision, 2)})${progIf}`;
}

/**
 * Appends the size of a BAR to the line of the BAR. The size is read from VFIO, because
 * configuration space does not contain the size.
 */
function addSizes(device: PciDevice): (line: string) => string {
  return (line) => {
    const index = /^Region (\d):/.exec(line)?.[1];
    if (index === undefined) return line;
    return `${line} [size=${byteSize(device.bar(Number(index)).size)}]`;
  };
}

function listing({ listConfig }: Decoder, device: PciDevice, config: Uint8Array): string {
  const { header, capabilities, broken } = listConfig(config, createVpdReader(device));
  const listed = (extended: boolean) => [
    ...capabilities
      .filter((capability) => capability.extended === extended)
      .flatMap(({ offset, version, title, lines }) => [
        `\tCapabilities: [${digits(offset, extended ? 3 : 2)}${version === undefined ? '' : ` v${version}`}] ${printable(title)}`,
        ...lines.map((line) => `\t\t${printable(line).replace(/^ {2}/, '\t')}`),
      ]),
    ...broken
      .filter((link) => link.extended === extended)
      .map(({ offset, reason }) => {
        const why = reason === 'unreadable' ? reason : `chain ${reason}`;
        return `\tCapabilities: [${digits(offset, extended ? 3 : 2)}] <${why}>`;
      }),
  ];
  return [
    paint('bold', headline(device)),
    ...header.map(addSizes(device)).map((line) => `\t${printable(line)}`),
    ...listed(false),
    ...listed(true),
  ].join('\n');
}

/**
 * Formats a dump for `lspci -F`. The dump must contain an address. For a mock device, the address
 * is 00:00.0.
 */
function dump({ dumpConfig }: Decoder, device: PciDevice, config: Uint8Array): string {
  const address = isMockName(device.name) ? '00:00.0' : device.name;
  return [printable(`${address} ${device.name}`), ...dumpConfig(config)].join('\n');
}

function describe({ flagsOf, listConfig }: Decoder, device: PciDevice, config: Uint8Array) {
  const { broken, capabilities, header } = listConfig(config, createVpdReader(device));
  return {
    device: device.name,
    header: device.config.header(),
    bars: device.config.bars(),
    lines: header,
    capabilities: capabilities.map((capability) => ({
      ...capability,
      flags: flagsOf([capability.title, ...capability.lines].join('\n')),
    })),
    broken,
  };
}
