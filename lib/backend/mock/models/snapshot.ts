import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { systemError, VfioError } from '../../../errors.js';
import {
  decodeBars,
  DECODERS,
  decodeHeader,
  isEndpoint,
  isUnresponsive,
  walkCapabilities,
} from '../../../pci/index.js';
import {
  chooseFunction,
  readDumps,
  readSnapshot,
  type Snapshot,
  SnapshotError,
  toSnapshot,
} from '../../../snapshot/index.js';
import type { IovaRange } from '../../../contract/index.js';
import { checkShape } from '../hardware/check-shape.js';
import * as pci from '../hardware/pci.js';
import { checkOverlaps, type Span } from '../hardware/spans.js';
import type { DeviceLogic, DeviceModel, FunctionShape, MemoryBlock } from '../hardware/model.js';

const FILE_MAX = 2 ** 28;
const ROM = 6;
const ROM_MIN = 2048;
const ROM_BLOCK = 512;
const ROM_DATA = 0x1c;
/** Alignment of the memory blocks of a BAR, in bytes. */
const BLOCK = 8;

/** A device model that was read from a snapshot. */
export interface SnapshotModel {
  readonly model: DeviceModel;
  /**
   * IOVA ranges that the real device could use when the snapshot was written; undefined for a dump,
   * which does not contain the ranges.
   */
  readonly ranges: readonly IovaRange[] | undefined;
}

/**
 * Whether a name is the path of a snapshot or of a dump. Other names are names of models, which
 * contain no `/` and no `.`.
 */
export function isPath(name: string): boolean {
  return name.includes('/') || name.includes('.');
}

/**
 * Reads the model of a device from its snapshot, or from a dump of lspci. The model has the
 * configuration space of the device. All BARs of the model are memory.
 *
 * @param address - the address of the function in a dump of several functions
 * @throws VfioError with the errno of the file system; EINVAL if the file is not a snapshot, or if
 *   the snapshot contains a value that no hardware can have
 */
export function readModel(path: string, address: string | null): SnapshotModel {
  const text = readFile(path);
  const isSnapshot = /^\s*[{["]/.test(text) || text.trim() === '';
  try {
    const snapshot = isSnapshot
      ? readSnapshot(text)
      : toSnapshot(chooseFunction(readDumps(text), address));
    const shape = decodeShape(snapshot);
    checkShape('the device', shape);
    checkMsix(snapshot);
    return {
      model: { name: path, shape, create: () => createLogic(snapshot) },
      ranges: isSnapshot ? snapshot.dma.ranges : undefined,
    };
  } catch (error) {
    const known = error instanceof SnapshotError || error instanceof RangeError;
    if (!known) throw error;
    throw new VfioError({
      code: 'EINVAL',
      message: `not a valid ${isSnapshot ? 'snapshot' : 'dump'}: ${error.message}`,
      path,
      hint: isSnapshot
        ? "'vfio snapshot <device> <file>' writes a snapshot."
        : "'lspci -vvv -xxxx' as root prints a dump with the sizes of the regions; the setting ?address=01:00.0 chooses a function.",
      cause: error,
    });
  }
}

function readFile(path: string): string {
  try {
    // Without O_NONBLOCK, an open of a FIFO would wait for a writer.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) {
        throw new VfioError({ code: 'EINVAL', message: 'not a regular file', path });
      }
      if (stat.size > FILE_MAX) {
        const message = `the file has ${stat.size} bytes; the maximum is ${FILE_MAX}`;
        throw new VfioError({ code: 'EFBIG', message, path });
      }
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (cause instanceof VfioError) throw cause;
    throw systemError(cause, path);
  }
}

function decodeShape({ config, regions, resets }: Snapshot): FunctionShape {
  const header = decodeHeader(config);
  if (isUnresponsive(config)) {
    throw new RangeError('the device did not respond: its configuration space is all ones');
  }
  if (!isEndpoint(header)) throw new RangeError('the device is a bridge, not an endpoint');
  const view = new DataView(config.buffer, config.byteOffset, config.length);
  const sizes = new Map(regions.map(({ index, size }) => [index, size]));
  const bars = decodeBars(config).flatMap(({ index, kind, prefetchable }) => {
    const size = sizes.get(index);
    if (size === undefined) return [];
    const bits = kind === 'memory64' ? 64 : 32;
    return [{ index, size, kind: kind === 'io' ? 'io' : 'memory', bits, prefetchable } as const];
  });
  const known = new Set(bars.map(({ index }) => index));
  for (const index of sizes.keys()) {
    if (index <= 5 && !known.has(index)) {
      throw new RangeError(
        `BAR ${index} cannot have a size: it is the upper half of BAR ${index - 1}`,
      );
    }
  }
  const rom = regions.find(({ index }) => index === ROM);
  return {
    vendorId: view.getUint16(pci.PCI_VENDOR_ID, true),
    deviceId: view.getUint16(pci.PCI_DEVICE_ID, true),
    subsystemVendorId: view.getUint16(pci.PCI_SUBSYSTEM_VENDOR_ID, true),
    subsystemId: view.getUint16(pci.PCI_SUBSYSTEM_ID, true),
    classCode: view.getUint32(pci.PCI_CLASS_REVISION, true) >>> 8,
    revision: view.getUint8(pci.PCI_CLASS_REVISION),
    interruptPin: view.getUint8(pci.PCI_INTERRUPT_PIN) as FunctionShape['interruptPin'],
    bars,
    capabilities: [],
    resets,
    ...(rom === undefined
      ? {}
      : { rom: { size: Math.max(rom.size, ROM_MIN), image: makeSmallestRom() } }),
    image: { bytes: clearState(config) },
  };
}

/**
 * Returns a copy of configuration space in which the power state is D0 and MSI and MSI-X are
 * disabled.
 */
function clearState(config: Uint8Array): Uint8Array {
  const bytes = config.slice();
  const view = new DataView(bytes.buffer);
  const clear = (name: string, register: number, bits: number): void => {
    const found = walkCapabilities(bytes).find((one) => one.name === name);
    if (found === undefined || found.offset + register + 2 > bytes.length) return;
    const at = found.offset + register;
    view.setUint16(at, view.getUint16(at, true) & ~bits, true);
  };
  clear('pm', pci.PCI_PM_CTRL, pci.PCI_PM_CTRL_STATE_MASK);
  clear('msi', pci.PCI_MSI_FLAGS, pci.PCI_MSI_FLAGS_ENABLE);
  clear('msix', pci.PCI_MSIX_FLAGS, pci.PCI_MSIX_FLAGS_ENABLE | pci.PCI_MSIX_FLAGS_MASKALL);
  return bytes;
}

/** Returns the spans of the MSI-X table and of the pending bit array. */
function findMsixSpans(config: Uint8Array): (Span & { readonly bar: number })[] {
  const msix = walkCapabilities(config).find(({ name }) => name === 'msix');
  if (msix === undefined) return [];
  const { vectors, table, pba } = DECODERS.msix(config, msix.offset);
  return [
    {
      bar: table.bir,
      offset: table.offset,
      length: vectors * pci.PCI_MSIX_ENTRY_SIZE,
      name: 'the MSI-X table',
    },
    {
      bar: pba.bir,
      offset: pba.offset,
      length: Math.ceil(vectors / 64) * 8,
      name: 'the MSI-X pending bit array',
    },
  ];
}

function checkMsix({ config, regions }: Snapshot): void {
  const spans = findMsixSpans(config);
  for (const { bar, offset, length, name } of spans) {
    const size = bar <= 5 ? (regions.find(({ index }) => index === bar)?.size ?? 0) : 0;
    if (offset + length > size) {
      throw new RangeError(
        `${name} ends at 0x${(offset + length).toString(16)}, past the end of BAR ${bar} ` +
          `at 0x${size.toString(16)}`,
      );
    }
  }
  for (const bar of new Set(spans.map((span) => span.bar))) {
    checkOverlaps(
      `BAR ${bar}`,
      spans.filter((span) => span.bar === bar),
    );
  }
}

/**
 * Creates BARs that contain only memory. After power-on, each BAR has the contents from the
 * snapshot.
 */
function createLogic({ config, regions }: Snapshot): DeviceLogic {
  const msixSpans = findMsixSpans(config);
  const bars = regions.filter(({ index }) => index < ROM);
  const registers = bars.map(({ index, size, contents }): [number, MemoryBlock[]] => {
    const holes = msixSpans
      .filter(({ bar }) => bar === index)
      .sort((one, other) => one.offset - other.offset);
    let start = 0;
    const blocks = [...holes, { offset: size, length: 0 }].flatMap(({ offset, length }) => {
      const end = Math.floor(offset / BLOCK) * BLOCK;
      const block = {
        offset: start,
        size: end - start,
        name: `memory ${index} ${start}`,
        contents: contents?.subarray(start, end),
      };
      start = Math.ceil((offset + length) / BLOCK) * BLOCK;
      return block.size > 0 ? [block] : [];
    });
    return [index, blocks];
  });
  return { registers: Object.fromEntries(registers), reset: () => undefined };
}

/** Creates the shortest valid ROM image. A snapshot does not contain the real image. */
function makeSmallestRom(): Uint8Array {
  const image = new Uint8Array(ROM_BLOCK);
  image.set([0x55, 0xaa]);
  image[0x18] = ROM_DATA;
  // The signature "PCIR", the length of one block, and the last-image indicator.
  image.set([0x50, 0x43, 0x49, 0x52], ROM_DATA);
  image[ROM_DATA + 16] = 1;
  image[ROM_DATA + 21] = 0x80;
  return image;
}
