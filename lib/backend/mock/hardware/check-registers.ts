import { checkBytes, checkObject, checkOptions, describeValue } from '../../../checks.js';
import type { BarShape, DeviceLogic, MemoryBlock, MsixCapability, Register } from './model.js';
import { checkWidth, checkWidths } from './check-widths.js';
import { PCI_MSIX_ENTRY_SIZE } from './pci.js';
import { checkOverlaps, hex, type Span } from './spans.js';

const BLOCK_ALIGNMENT = 8;
const REGISTER = ['offset', 'width', 'name', 'widths', 'read', 'write', 'writeHigh'];
const BLOCK = ['offset', 'size', 'name', 'contents', 'load', 'store'];

/**
 * Checks the registers that the logic of a device declares.
 *
 * @throws TypeError for a value of a wrong type; RangeError for a register outside of its BAR, for
 *   a misaligned register, and for a register that overlaps another register or the MSI-X table
 */
export function checkRegisters(
  model: string,
  bars: readonly BarShape[],
  registers: DeviceLogic['registers'],
  msix: Pick<MsixCapability, 'vectors' | 'table' | 'pba'> | null,
): void {
  for (const [key, parts] of Object.entries(registers)) {
    const where = `model '${model}': BAR ${key}`;
    const bar = bars.find(({ index }) => String(index) === key);
    if (bar === undefined) {
      throw new RangeError(`${where} has registers, but the shape does not declare this BAR`);
    }
    if (!isArray(parts)) throw new TypeError(`${where}: registers must be an array`);
    const spans: Span[] = messageSpans(bar.index, msix);
    // The loop also visits the holes of a sparse array.
    for (const part of parts) spans.push(checkPart(where, bar, part));
    checkOverlaps(where, spans);
  }
}

/**
 * Whether a value is an array. Unlike Array.isArray, this function is not a type guard, so the
 * value is not narrowed to `any[]`.
 */
function isArray(value: unknown): boolean {
  return Array.isArray(value);
}

/** Creates texts only for an error, because a device can have a thousand registers. */
function checkPart(where: string, bar: BarShape, part: Register | MemoryBlock): Span {
  checkObject(part, () => `${where}: a register`);
  const { offset, name } = part;
  if (typeof name !== 'string') throw new TypeError(`${where}: a register must have a name`);
  const isBlock = 'size' in part;
  checkOptions(part, isBlock ? BLOCK : REGISTER, () => `${where}: ${name}`);
  const length = isBlock ? checkBlock(where, part) : checkRegister(where, part);
  if (!Number.isInteger(offset) || offset < 0 || offset + length > bar.size) {
    throw new RangeError(
      `${where}: ${name} must lie from 0 to ${hex(bar.size - 1)}, not at ${describeValue(offset)}`,
    );
  }
  const alignment = isBlock ? BLOCK_ALIGNMENT : length;
  if (offset % alignment !== 0) {
    throw new RangeError(
      `${where}: ${name} must begin at a multiple of ${alignment}, not at ${hex(offset)}`,
    );
  }
  return { offset, length, name };
}

/** The functions of a register, before their types are checked. */
type Accesses = Partial<Record<'read' | 'write' | 'writeHigh', unknown>>;

function isFunction(access: unknown): boolean {
  return access === undefined || typeof access === 'function';
}

function checkRegister(where: string, register: Register): number {
  const { name, width, widths } = register;
  checkWidth(width, () => `${where}: width of ${name}`);
  if (widths !== undefined) checkWidths(widths, `${where}: ${name}`);
  const { read, write, writeHigh } = register as Accesses;
  if (!isFunction(read) || !isFunction(write) || !isFunction(writeHigh)) {
    const wrong = Object.entries({ read, write, writeHigh }).find((entry) => !isFunction(entry[1]));
    throw new TypeError(`${where}: ${wrong?.[0]} of ${name} must be a function`);
  }
  if (width !== 8 && 'writeHigh' in register) {
    throw new TypeError(`${where}: ${name} has writeHigh, so its width must be 8, not ${width}`);
  }
  return width;
}

function checkBlock(where: string, block: MemoryBlock): number {
  const { name, size, contents } = block;
  if (!Number.isSafeInteger(size) || size < BLOCK_ALIGNMENT || size % BLOCK_ALIGNMENT !== 0) {
    throw new RangeError(
      `${where}: size of ${name} must be a multiple of ${BLOCK_ALIGNMENT}, not ${describeValue(size)}`,
    );
  }
  const { load, store } = block as Partial<Record<keyof MemoryBlock, unknown>>;
  if (load !== undefined || store !== undefined) {
    if (typeof load !== 'function' || typeof store !== 'function') {
      throw new TypeError(`${where}: load and store of ${name} must both be functions, or omitted`);
    }
    if (contents !== undefined) {
      throw new TypeError(`${where}: ${name} has load and store, so contents must be omitted`);
    }
  }
  if (contents === undefined) return size;
  checkBytes(contents, `${where}: contents of ${name}`);
  if (contents.length > size) {
    throw new RangeError(
      `${where}: contents of ${name} must be at most ${size} bytes, not ${contents.length}`,
    );
  }
  return size;
}

/** Returns the spans of the MSI-X table and of the pending bit array in a BAR. */
function messageSpans(
  bar: number,
  msix: Pick<MsixCapability, 'vectors' | 'table' | 'pba'> | null,
): Span[] {
  if (msix === null) return [];
  const { vectors, table, pba } = msix;
  const places = [
    { ...table, length: vectors * PCI_MSIX_ENTRY_SIZE, name: 'the MSI-X table' },
    { ...pba, length: Math.ceil(vectors / 64) * 8, name: 'the MSI-X pending bit array' },
  ];
  return places.filter((place) => place.bar === bar);
}
