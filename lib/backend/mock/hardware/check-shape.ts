import { checkBytes, checkInteger, checkObject, checkOptions } from '../../../checks.js';
import { PLAIN } from './plain-capabilities.js';
import type { BarShape, CapabilityShape, FunctionShape } from './shape.js';
import * as pci from './pci.js';
import { checkCapability } from './check-capability.js';
import { encode } from './encode.js';
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
const WIDTHS: readonly unknown[] = [1, 2, 4, 8];
const NAMES: readonly string[] = [
  ...Object.keys(PLAIN),
  ...['pm', 'msi', 'msix', 'pcie', 'af', 'vpd', 'vendor_specific'],
  ...['aer', 'serial_number', 'vsec', 'dvsec'],
];

/**
 * Checks that there can be such a function.
 *
 * @param where - what an error begins with
 * @throws TypeError for a value of a wrong type; RangeError for one that hardware cannot have
 */
export function checkShape(where: string, shape: FunctionShape): void {
  checkOptions(shape, SHAPE, `${where}: shape`);
  const ids = { vendorId: 16, deviceId: 16, subsystemVendorId: 16, subsystemId: 16 } as const;
  for (const [name, bits] of Object.entries({ ...ids, classCode: 24, revision: 8 } as const)) {
    checkInteger(shape[name as keyof typeof ids], `${where}: ${name}`, 0, 2 ** bits - 1);
  }
  checkInteger(shape.interruptPin, `${where}: interruptPin`, 0, 4);
  if (!Array.isArray(shape.bars)) throw new TypeError(`${where}: bars must be an array`);
  if (!Array.isArray(shape.capabilities)) {
    throw new TypeError(`${where}: capabilities must be an array`);
  }
  checkBars(where, shape.bars);
  checkRom(where, shape);
  checkImage(where, shape);
  checkCapabilities(where, shape);
}

function checkBars(where: string, bars: readonly BarShape[]): void {
  for (const bar of bars) {
    checkObject(bar, `${where}: a BAR`);
    checkInteger(bar.index, `${where}: index of a BAR`, 0, BAR_MAX);
    checkBar(`${where}: BAR ${bar.index}`, bar);
  }
  const taken = bars.map(({ index, bits }) => ({
    offset: index,
    length: bits === 64 ? 2 : 1,
    name: bits === 64 ? `BAR ${index}, which has 64 bits and takes two places,` : `BAR ${index}`,
  }));
  checkOverlaps(where, taken);
}

function checkBar(where: string, bar: BarShape): void {
  checkOptions(bar, BAR, where);
  const { index, size, kind = 'memory', bits = 32, widths, split, elsewhere } = bar;
  if (!['memory', 'io'].includes(kind)) {
    throw new TypeError(`${where}: kind must be 'memory' or 'io', not '${kind}'`);
  }
  if (![32, 64].includes(bits)) throw new RangeError(`${where}: bits must be 32 or 64`);
  if (bits === 64 && index === BAR_MAX) throw new RangeError(`${where} cannot have 64 bits`);
  if (kind === 'io' && bits === 64) throw new RangeError(`${where}: I/O ports have 32 bits`);
  const least = kind === 'io' ? PORTS_MIN : MEMORY_MIN;
  const most = kind === 'io' ? PORTS_MAX : bits === 64 ? MEMORY_MAX_64 : MEMORY_MAX_32;
  if (!isPowerOfTwo(size) || size < least || size > most) {
    throw new RangeError(
      `${where}: size must be a power of two from ${least} to ${most}, not ${String(size)}`,
    );
  }
  for (const width of [...(widths ?? []), split ?? 8]) {
    if (!WIDTHS.includes(width)) throw new RangeError(`${where}: ${String(width)} is no width`);
  }
  if (elsewhere !== undefined && ![0, 0xff].includes(elsewhere)) {
    throw new RangeError(`${where}: elsewhere must be 0x00 or 0xff`);
  }
}

function checkRom(where: string, { rom }: FunctionShape): void {
  if (rom === undefined) return;
  checkBytes(rom.image, `${where}: image of the ROM`);
  if (!isPowerOfTwo(rom.size) || rom.size < ROM_MIN || rom.size > ROM_MAX) {
    throw new RangeError(
      `${where}: size of the ROM must be a power of two from ${ROM_MIN} to ${ROM_MAX}`,
    );
  }
  if (rom.image.length > rom.size) {
    throw new RangeError(`${where}: the image is longer than the ${rom.size} bytes of the ROM`);
  }
}

function checkImage(where: string, { image }: FunctionShape): void {
  if (image === undefined) return;
  checkBytes(image.bytes, `${where}: image`);
  const { length } = image.bytes;
  if (length !== pci.PCI_CFG_SPACE_SIZE && length !== pci.PCI_CFG_SPACE_EXP_SIZE) {
    throw new RangeError(`${where}: the image must be 256 or 4096 bytes, not ${length}`);
  }
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
    const { bytes, extended } = encode(capability);
    const { offset, name } = capability;
    const first = extended ? pci.PCI_CFG_SPACE_SIZE : pci.PCI_STD_HEADER_SIZEOF;
    const last = extended ? end : pci.PCI_CFG_SPACE_SIZE;
    if (extended && !express) {
      throw new RangeError(`${where}: ${name} is an extended capability, which need 'pcie'`);
    }
    if (offset < first || offset + bytes.length > last) {
      const range = `from ${hex(first)} to ${hex(last - 1)}`;
      throw new RangeError(`${where}: ${name} of ${bytes.length} bytes must lie ${range}`);
    }
    return { offset, length: bytes.length, name, extended };
  });
  checkOverlaps(where, spans);
  const extended = spans.find((span) => span.extended);
  if (extended !== undefined && extended.offset !== pci.PCI_CFG_SPACE_SIZE) {
    throw new RangeError(
      `${where}: the first extended capability must be at 0x100, not ${extended.name}`,
    );
  }
}

/** What has to hold before a capability can be looked at closer. */
function checkPlace(
  where: string,
  { name, offset }: CapabilityShape,
  all: readonly CapabilityShape[],
): void {
  if (!NAMES.includes(name)) {
    throw new TypeError(`${where}: there is no capability '${name}': ${NAMES.join(', ')}`);
  }
  checkInteger(offset, `${where}: offset of ${name}`, 0, pci.PCI_CFG_SPACE_EXP_SIZE - 4);
  if (offset % 4 !== 0) throw new RangeError(`${where}: offset of ${name} must be a multiple of 4`);
  const once = !name.startsWith('vendor') && name !== 'vsec' && name !== 'dvsec';
  if (once && all.filter((other) => other.name === name).length > 1) {
    throw new RangeError(`${where}: there can be one ${name}`);
  }
}
