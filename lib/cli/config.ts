import { parseAddress } from '../contract/names.js';
import type { PciDevice } from '../index.js';
import type * as pci from '../pci/namespace.js';
import { printable } from '../printable.js';
import { byteSize } from '../pci/listing/size.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { isDump, readDump } from './dumps.js';
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
    lost. Instead of a device, the operand can be a file, or - for standard input, with the output
    of lspci -x, -xxx or -xxxx, or of config -x.`,
  operands: {
    device: { from: 'devices', help: 'a device, a file with a dump, or -' },
    'register[=value]': {
      optional: true,
      repeated: true,
      help: `register names of setpci (COMMAND, CAP_MSIX+2.w, ECAP_AER+8.l, 40.b) or of this
        library: command.bus_master, msix.control.enable, pcie.device_control`,
    },
  },
  options: {
    address: {
      type: 'string',
      value: '<address>',
      help: 'selects a function of a dump, for example 01:00.0',
    },
    hex: { type: 'boolean', short: 'x', help: 'prints a hex dump for lspci -F' },
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: [
    'vfio config mock:nvme',
    'vfio config 01:00.0 command.bus_master=1 CAP_MSIX+2.w',
    'vfio config mock:nvme COMMAND=6:6',
    'vfio config dump.txt --address 01:00.0',
  ],
  async run({ options, operands }) {
    const settings = operands['register[=value]'];
    if (options.hex && settings.length > 0)
      throw new UsageError('-x cannot be used with registers');
    if (options.hex && options.json) throw new UsageError('give either -x or --json');
    const decoder = await import('../pci/namespace.js');
    if (isDump(operands.device)) {
      const { address, config, sizes } = await readDump(operands.device, options.address);
      print(decoder, settings, options, {
        name: address,
        config,
        vpd: null,
        sizeOf: (index) => sizes.get(index),
        perform: (access) => readFrom(config, access),
      });
      return 0;
    }
    if (options.address !== undefined) throw new UsageError('--address needs a file with a dump');
    await using device = await openDevice(operands.device, options);
    const config = device.config.read(0, device.config.size);
    print(decoder, settings, options, {
      name: device.name,
      config,
      vpd: createVpdReader(device),
      sizeOf: (index) => Number(device.bar(index).size),
      perform: (access) => performAccess(device, access),
    });
    return 0;
  },
});

/** A function whose configuration space is printed: a device, or a function in a dump. */
interface Source {
  /** The name of the device, or the address in the dump. */
  readonly name: string;
  readonly config: Uint8Array;
  readonly vpd: pci.VpdReader | null;
  /** Returns the size of a BAR in bytes, or undefined if the size is unknown. */
  readonly sizeOf: (index: number) => number | undefined;
  readonly perform: (access: pci.Access) => Performed;
}

function print(
  decoder: Decoder,
  settings: readonly string[],
  { json, hex }: { readonly json: boolean; readonly hex: boolean },
  source: Source,
): void {
  if (settings.length > 0) {
    const accesses = parseSettings(decoder, settings, source.config).map(source.perform);
    console.log(json ? toJson(accesses) : accesses.map(formatAccess).join('\n'));
  } else if (json) console.log(toJson(describe(decoder, source)));
  else if (hex) console.log(dump(decoder, source));
  else console.log(listing(decoder, source));
}

/** Reads a register of a dump. */
function readFrom(config: Uint8Array, { text, offset, width, change }: pci.Access): Performed {
  if (change !== null) throw new UsageError(`'${text}': a dump cannot be changed`);
  const bytes = config.subarray(offset, offset + width);
  const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return { register: text, offset, width, value };
}

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

function headline({ decodeHeader }: Decoder, { name, config }: Source): string {
  const { vendorId, deviceId, classCode, revision } = decodeHeader(config);
  const programming = classCode & 0xff;
  const progIf = programming === 0 ? '' : ` (prog-if ${digits(programming, 2)})`;
  return `${name} ${digits(classCode >> 8, 4)}: ${digits(vendorId, 4)}:${digits(deviceId, 4)} (rev ${digits(revision, 2)})${progIf}`;
}

/**
 * Appends the size of a BAR to the line of the BAR. The size is read from VFIO or from the output of
 * `lspci -v`, because configuration space does not contain the size.
 */
function addSizes({ sizeOf }: Source): (line: string) => string {
  return (line) => {
    const index = /^Region (\d):/.exec(line)?.[1];
    if (index === undefined) return line;
    const size = sizeOf(Number(index));
    return size === undefined ? line : `${line} [size=${byteSize(BigInt(size))}]`;
  };
}

function listing(decoder: Decoder, source: Source): string {
  const { header, capabilities, broken } = decoder.listConfig(source.config, source.vpd);
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
    paint('bold', headline(decoder, source)),
    ...header.map(addSizes(source)).map((line) => `\t${printable(line)}`),
    ...listed(false),
    ...listed(true),
  ].join('\n');
}

/**
 * Formats a dump for `lspci -F`. The dump must contain an address. For a device without an address,
 * such as a mock device, the address is 00:00.0.
 */
function dump({ dumpConfig }: Decoder, { name, config }: Source): string {
  const address = parseAddress(name) ?? '00:00.0';
  return [printable(`${address} ${name}`), ...dumpConfig(config)].join('\n');
}

function describe(
  { decodeBars, decodeHeader, flagsOf, listConfig }: Decoder,
  { name, config, vpd, sizeOf }: Source,
) {
  const { broken, capabilities, header } = listConfig(config, vpd);
  return {
    device: name,
    header: decodeHeader(config),
    bars: decodeBars(config).flatMap((bar) => {
      const size = sizeOf(bar.index);
      // The size of a BAR that does not exist is 0.
      return size === 0 ? [] : [{ ...bar, size: size === undefined ? null : BigInt(size) }];
    }),
    lines: header,
    capabilities: capabilities.map((capability) => ({
      ...capability,
      flags: flagsOf([capability.title, ...capability.lines].join('\n')),
    })),
    broken,
  };
}
