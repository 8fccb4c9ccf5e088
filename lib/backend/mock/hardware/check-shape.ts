import {
  checkArray,
  checkBoolean,
  checkBytes,
  checkInteger,
  checkObject,
  checkOptions,
  checkString,
  describeValue,
  U32_MAX,
} from '../../../checks.js';
import { PLAIN } from './plain-capabilities.js';
import type { BarShape, CapabilityShape, FunctionShape } from './shape.js';
import * as pci from './pci.js';
import { checkCapability } from './check-capability.js';
import { checkImage } from './check-image.js';
import { checkWidth, checkWidths } from './check-widths.js';
import { encodeCapability } from './encode.js';
import { checkOverlaps, hex, isPowerOfTwo } from './spans.js';

const BAR_MAX = 5;
const MEMORY_MIN = 16;
const MEMORY_MAX_32 = 2 ** 31;
const MEMORY_MAX_64 = 2 ** 46;
const PORTS_MIN = 4;
const PORTS_MAX = 256;
const ROM_MIN = 2048;
const ROM_MAX = 2 ** 24;
const SHAPE = [
  ...['vendorId', 'deviceId', 'subsystemVendorId', 'subsystemId', 'classCode', 'revision'],
  ...['interruptPin', 'bars', 'rom', 'capabilities', 'resets', 'virtual', 'sources', 'image'],
];
const BAR = ['index', 'size', 'kind', 'bits', 'prefetchable', 'widths', 'split', 'elsewhere'];
const SOURCES = [
  ...['bar', 'offset', 'entries', 'stride', 'addressLow', 'addressHigh', 'data', 'mask'],
];
const SOURCES_MAX = 65536;
const WORD = 4;
const NAMES: readonly string[] = [
  ...Object.keys(PLAIN),
  ...['pm', 'msi', 'msix', 'pcie', 'af', 'vpd', 'vendor_specific'],
  ...['aer', 'serial_number', 'vsec', 'dvsec'],
];

/**
 * Checks that real hardware could have the declared shape.
 *
 * @param where - the beginning of an error message
 * @throws TypeError for a value of a wrong type; RangeError for a value that no hardware can have
 */
export function checkShape(where: string, shape: FunctionShape): void {
  checkOptions(shape, SHAPE, `${where}: shape`);
  const ids = { vendorId: 16, deviceId: 16, subsystemVendorId: 16, subsystemId: 16 } as const;
  for (const [name, bits] of Object.entries({ ...ids, classCode: 24, revision: 8 } as const)) {
    checkInteger(shape[name as keyof typeof ids], `${where}: ${name}`, 0, 2 ** bits - 1);
  }
  checkInteger(shape.interruptPin, `${where}: interruptPin`, 0, 4);
  checkArray(shape.bars, `${where}: bars`);
  checkArray(shape.capabilities, `${where}: capabilities`);
  checkBars(where, shape.bars);
  checkRom(where, shape);
  if (shape.image !== undefined) checkImage(where, shape.image);
  checkSources(where, shape);
  for (const name of ['resets', 'virtual'] as const) {
    if (shape[name] !== undefined) checkBoolean(shape[name], `${where}: ${name}`);
  }
  checkCapabilities(where, shape);
}

function checkBars(where: string, bars: readonly BarShape[]): void {
  for (const bar of bars) {
    checkObject(bar, `${where}: a BAR`);
    checkInteger(bar.index, `${where}: index of a BAR`, 0, BAR_MAX);
    checkBar(`${where}: BAR ${bar.index}`, bar);
  }
  for (const bar of bars) {
    const twin = bars.find((other) => other !== bar && other.index === bar.index);
    if (twin !== undefined) throw new RangeError(`${where}: BAR ${bar.index} is declared twice`);
    const upper = bars.find((other) => bar.bits === 64 && other.index === bar.index + 1);
    if (upper !== undefined) {
      throw new RangeError(
        `${where}: BAR ${upper.index} is the upper half of the 64-bit BAR ${bar.index}`,
      );
    }
  }
}

function checkBar(where: string, bar: BarShape): void {
  checkOptions(bar, BAR, where);
  const { index, size, kind = 'memory', bits = 32, split, elsewhere } = bar;
  checkString(kind, `${where}: kind`);
  checkWidths(bar.widths, where);
  if (split !== undefined) checkWidth(split, () => `split of ${where}`);
  if (bar.prefetchable !== undefined) checkBoolean(bar.prefetchable, `${where}: prefetchable`);
  if (!['memory', 'io'].includes(kind)) {
    throw new TypeError(`${where}: kind must be 'memory' or 'io', not '${kind}'`);
  }
  if (![32, 64].includes(bits)) {
    throw new RangeError(`${where}: bits must be 32 or 64, not ${describeValue(bits)}`);
  }
  if (bits === 64 && index === BAR_MAX) {
    throw new RangeError(`${where} cannot have 64 bits: BAR ${BAR_MAX + 1} does not exist`);
  }
  if (kind === 'io' && bits === 64) {
    throw new RangeError(`${where}: bits must be 32 for I/O ports`);
  }
  const least = kind === 'io' ? PORTS_MIN : MEMORY_MIN;
  const most = kind === 'io' ? PORTS_MAX : bits === 64 ? MEMORY_MAX_64 : MEMORY_MAX_32;
  if (!isPowerOfTwo(size) || size < least || size > most) {
    throw new RangeError(
      `${where}: size must be a power of two from ${least} to ${most}, not ${describeValue(size)}`,
    );
  }
  if (elsewhere !== undefined && ![0, 0xff].includes(elsewhere)) {
    throw new RangeError(
      `${where}: elsewhere must be 0x00 or 0xff, not ${describeValue(elsewhere)}`,
    );
  }
}

function checkRom(where: string, { rom }: FunctionShape): void {
  if (rom === undefined) return;
  checkOptions(rom, ['size', 'image'], `${where}: rom`);
  checkBytes(rom.image, `${where}: image of the ROM`);
  if (!isPowerOfTwo(rom.size) || rom.size < ROM_MIN || rom.size > ROM_MAX) {
    throw new RangeError(
      `${where}: size of the ROM must be a power of two from ${ROM_MIN} to ${ROM_MAX}, ` +
        `not ${describeValue(rom.size)}`,
    );
  }
  if (rom.image.length > rom.size) {
    throw new RangeError(
      `${where}: image of the ROM must be at most ${rom.size} bytes, not ${rom.image.length}`,
    );
  }
}

function checkSources(where: string, { sources, bars }: FunctionShape): void {
  if (sources === undefined) return;
  checkOptions(sources, SOURCES, `${where}: sources`);
  const { bar, offset, entries, stride, mask } = sources;
  checkInteger(bar, `${where}: sources.bar`, 0, BAR_MAX);
  checkInteger(entries, `${where}: sources.entries`, 1, SOURCES_MAX);
  checkInteger(stride, `${where}: sources.stride`, 16, SOURCES_MAX);
  const memory = bars.find(({ index, kind }) => index === bar && kind !== 'io');
  if (memory === undefined) {
    throw new RangeError(`${where}: sources.bar must be a memory BAR: ${bar} is not a memory BAR`);
  }
  if (entries * stride > memory.size) {
    throw new RangeError(
      `${where}: sources of ${entries * stride} bytes must fit into BAR ${bar} of ${memory.size} bytes`,
    );
  }
  checkInteger(offset, `${where}: sources.offset`, 0, memory.size - entries * stride);
  checkOptions(mask, ['offset', 'bits'], `${where}: sources.mask`);
  checkInteger(mask.bits, `${where}: sources.mask.bits`, 1, U32_MAX);
  const { addressLow, addressHigh, data } = sources;
  const words = { addressLow, addressHigh, data, mask: mask.offset };
  for (const [name, word] of Object.entries(words)) {
    checkInteger(word, `${where}: offset of ${name} of sources`, 0, stride - WORD);
  }
  for (const [name, value] of Object.entries({ offset, stride, ...words })) {
    if (value % WORD === 0) continue;
    throw new RangeError(`${where}: ${name} of sources must be a multiple of 4, not ${value}`);
  }
  const spans = Object.entries(words).map(([name, word]) => ({ name, offset: word, length: WORD }));
  checkOverlaps(`${where}: sources`, spans);
}

function checkCapabilities(where: string, shape: FunctionShape): void {
  const { capabilities } = shape;
  for (const capability of capabilities) checkObject(capability, `${where}: a capability`);
  for (const capability of capabilities) checkPlace(where, capability, capabilities);
  for (const capability of capabilities) {
    checkCapability(`${where}: ${capability.name}`, capability, shape.bars);
  }
  const express = capabilities.some(({ name }) => name === 'pcie');
  const end = express ? pci.PCI_CFG_SPACE_EXP_SIZE : pci.PCI_CFG_SPACE_SIZE;
  const spans = capabilities.map((capability) => {
    const { bytes, extended } = encodeCapability(capability);
    const { offset, name } = capability;
    const first = extended ? pci.PCI_CFG_SPACE_SIZE : pci.PCI_STD_HEADER_SIZEOF;
    const last = extended ? end : pci.PCI_CFG_SPACE_SIZE;
    if (extended && !express) {
      throw new RangeError(`${where}: ${name} is an extended capability: add a 'pcie' capability`);
    }
    if (offset < first || offset + bytes.length > last) {
      const range = `from ${hex(first)} to ${hex(last - 1)}`;
      throw new RangeError(
        `${where}: ${name} of ${bytes.length} bytes must lie ${range}, not at ${hex(offset)}`,
      );
    }
    return { offset, length: bytes.length, name, extended };
  });
  checkOverlaps(where, spans);
  const extended = spans.find((span) => span.extended);
  if (extended !== undefined && extended.offset !== pci.PCI_CFG_SPACE_SIZE) {
    throw new RangeError(
      `${where}: the first extended capability, ${extended.name}, must be at 0x100, ` +
        `not at ${hex(extended.offset)}`,
    );
  }
}

/** Checks the name and the offset of a capability. checkCapability() checks the other fields. */
function checkPlace(
  where: string,
  { name, offset }: CapabilityShape,
  all: readonly CapabilityShape[],
): void {
  checkString(name, `${where}: name of a capability`);
  if (!NAMES.includes(name)) {
    throw new TypeError(`${where}: unknown capability '${name}': expected ${NAMES.join(', ')}`);
  }
  checkInteger(offset, `${where}: offset of ${name}`, 0, pci.PCI_CFG_SPACE_EXP_SIZE - 4);
  if (offset % 4 !== 0) {
    throw new RangeError(`${where}: offset of ${name} must be a multiple of 4, not ${hex(offset)}`);
  }
  const once = !name.startsWith('vendor') && name !== 'vsec' && name !== 'dvsec';
  if (once && all.filter((other) => other.name === name).length > 1) {
    throw new RangeError(`${where}: ${name} is declared twice`);
  }
}
