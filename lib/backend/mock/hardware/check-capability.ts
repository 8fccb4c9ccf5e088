import {
  checkBoolean,
  checkBytes,
  checkInteger,
  checkOptions,
  checkU64,
  describeValue,
} from '../../../checks.js';
import type {
  BarPlace,
  BarShape,
  CapabilityShape,
  MsiCapability,
  MsixCapability,
} from './shape.js';
import { PCI_MSIX_ENTRY_SIZE } from './pci.js';
import { checkOverlaps, hex } from './spans.js';

const MSIX_MAX = 2048;
const PLACE = ['bar', 'offset'];
const VPD_MAX = 2 ** 15;
/**
 * Names of the fields of each capability. Plain capabilities are not listed, because their only
 * field is `bytes`.
 */
const FIELDS: Readonly<Partial<Record<CapabilityShape['name'], readonly string[]>>> = {
  pm: [],
  msi: ['vectors', 'bits', 'maskable'],
  msix: ['vectors', 'table', 'pba'],
  pcie: ['version', 'flr'],
  af: [],
  vpd: ['data'],
  aer: [],
  serial_number: ['value'],
  vsec: ['id', 'revision', 'bytes'],
  dvsec: ['id', 'revision', 'bytes', 'vendor'],
};

/**
 * Checks the fields of a capability.
 *
 * @param where - the beginning of an error message
 * @throws TypeError for a value of a wrong type; RangeError for a value out of range
 */
export function checkCapability(
  where: string,
  capability: CapabilityShape,
  bars: readonly BarShape[],
): void {
  const fields = FIELDS[capability.name] ?? ['bytes'];
  checkOptions(capability, ['name', 'offset', ...fields], where);
  switch (capability.name) {
    case 'msi':
      checkMsi(where, capability);
      break;
    case 'msix':
      checkMsix(where, capability, bars);
      break;
    case 'pcie':
      if (capability.version !== undefined) {
        checkInteger(capability.version, `${where}: version`, 1, 2);
      }
      if (capability.flr !== undefined) checkBoolean(capability.flr, `${where}: flr`);
      break;
    case 'vpd':
      checkBytes(capability.data, `${where}: data`);
      if (capability.data.length > VPD_MAX) {
        throw new RangeError(
          `${where}: data must be at most ${VPD_MAX} bytes, not ${capability.data.length}`,
        );
      }
      break;
    case 'serial_number':
      checkU64(capability.value, `${where}: value`);
      break;
    case 'vsec':
    case 'dvsec':
      checkInteger(capability.id, `${where}: id`, 0, 0xffff);
      if (capability.revision !== undefined) {
        checkInteger(capability.revision, `${where}: revision`, 0, 0xf);
      }
      checkBytes(capability.bytes, `${where}: bytes`);
      if (capability.name === 'dvsec')
        checkInteger(capability.vendor, `${where}: vendor`, 0, 0xffff);
      break;
    case 'vendor_specific':
      checkBytes(capability.bytes, `${where}: bytes`);
      break;
    case 'pm':
    case 'af':
    case 'aer':
      break;
    default:
      if (capability.bytes !== undefined) checkBytes(capability.bytes, `${where}: bytes`);
  }
}

function checkMsi(where: string, { vectors, bits = 64, maskable }: MsiCapability): void {
  if (![1, 2, 4, 8, 16, 32].includes(vectors)) {
    throw new RangeError(
      `${where}: vectors must be 1, 2, 4, 8, 16 or 32, not ${describeValue(vectors)}`,
    );
  }
  if (![32, 64].includes(bits)) {
    throw new RangeError(`${where}: bits must be 32 or 64, not ${describeValue(bits)}`);
  }
  if (maskable !== undefined) checkBoolean(maskable, `${where}: maskable`);
}

function checkMsix(
  where: string,
  { vectors, table, pba }: MsixCapability,
  bars: readonly BarShape[],
): void {
  checkInteger(vectors, `${where}: vectors`, 1, MSIX_MAX);
  checkOptions(table, PLACE, `${where}: table`);
  checkOptions(pba, PLACE, `${where}: pba`);
  const parts = [
    { place: table, length: vectors * PCI_MSIX_ENTRY_SIZE, name: 'table' },
    { place: pba, length: Math.ceil(vectors / 64) * 8, name: 'pending bit array' },
  ];
  for (const { place, length, name } of parts) {
    checkPlace(`${where}: ${name}`, place, length, bars);
  }
  const spans = parts.map(({ place, length, name }) => ({ offset: place.offset, length, name }));
  if (table.bar === pba.bar) checkOverlaps(where, spans);
}

function checkPlace(
  where: string,
  place: Partial<BarPlace> | undefined,
  length: number,
  bars: readonly BarShape[],
): void {
  const { bar: index, offset = NaN } = place ?? {};
  const bar = bars.find((one) => one.index === index);
  if (bar === undefined || bar.kind === 'io') {
    throw new RangeError(
      `${where} must lie in a memory BAR: ${describeValue(index)} is not a memory BAR`,
    );
  }
  if (!Number.isInteger(offset) || offset < 0 || offset % 8 !== 0) {
    throw new RangeError(`${where} must begin at a multiple of 8, not ${describeValue(offset)}`);
  }
  if (offset + length > bar.size) {
    throw new RangeError(
      `${where} of ${length} bytes at ${hex(offset)} must end within BAR ${bar.index} ` +
        `of ${hex(bar.size)} bytes`,
    );
  }
}
