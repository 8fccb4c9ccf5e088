import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { VfioError } from '../../../errors.js';
import {
  decodeBars,
  DECODERS,
  decodeHeader,
  isEndpoint,
  walkCapabilities,
} from '../../../pci/index.js';
import { readSnapshot, SnapshotError, type Snapshot } from '../../../snapshot/index.js';
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
/** Registers of a BAR come in blocks of so many bytes. */
const BLOCK = 8;

/** A device that was seen, from its file. */
export interface SeenDevice {
  readonly model: DeviceModel;
  /** What it could reach by DMA. */
  readonly ranges: readonly IovaRange[];
}

/** Whether the name of a model is the path of a file instead. */
export function isPath(name: string): boolean {
  return name.includes('/') || name.endsWith('.json');
}

/**
 * The imitation of a device of which there is a snapshot: it has its shape, and its BARs are
 * memory.
 *
 * @throws VfioError of the file system; EINVAL for a file that is no snapshot, or of a device that
 *   cannot be
 */
export function readModel(path: string): SeenDevice {
  const text = readFile(path);
  try {
    const snapshot = readSnapshot(text);
    const shape = shapeOf(snapshot);
    checkShape('the device', shape);
    checkMessages(snapshot);
    return {
      model: { name: path, shape, create: () => memory(snapshot) },
      ranges: snapshot.dma.ranges,
    };
  } catch (error) {
    const known = error instanceof SnapshotError || error instanceof RangeError;
    if (!known) throw error;
    throw new VfioError({
      code: 'EINVAL',
      message: `no snapshot of a device: ${error.message}`,
      path,
      hint: "'vfio snapshot <device> <file>' writes one.",
      cause: error,
    });
  }
}

function readFile(path: string): string {
  try {
    const fd = openSync(path, 'r');
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new VfioError({ code: 'EINVAL', message: 'not a file', path });
      if (stat.size > FILE_MAX) throw new VfioError({ code: 'EFBIG', path });
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (cause instanceof VfioError) throw cause;
    const { code, syscall } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall, path, cause });
  }
}

function shapeOf({ config, regions, resets }: Snapshot): FunctionShape {
  const header = decodeHeader(config);
  if (!isEndpoint(header)) throw new RangeError('the device is a bridge');
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
      throw new RangeError(`BAR ${index} has a size, but is the upper half of another`);
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
      : { rom: { size: Math.max(rom.size, ROM_MIN), image: smallestRom() } }),
    image: { bytes: atRest(config) },
  };
}

/** Nothing is enabled, whatever was when the snapshot was taken. */
function atRest(config: Uint8Array): Uint8Array {
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

/** Where the message table and the pending bits are, by what the capability says. */
function messages(config: Uint8Array): (Span & { readonly bar: number })[] {
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
      name: 'the pending bits',
    },
  ];
}

function checkMessages({ config, regions }: Snapshot): void {
  const spans = messages(config);
  for (const { bar, offset, length, name } of spans) {
    const size = bar <= 5 ? (regions.find(({ index }) => index === bar)?.size ?? 0) : 0;
    if (offset + length > size) throw new RangeError(`${name} do not lie within BAR ${bar}`);
  }
  for (const bar of new Set(spans.map((span) => span.bar))) {
    checkOverlaps(
      `BAR ${bar}`,
      spans.filter((span) => span.bar === bar),
    );
  }
}

/** BARs that hold what is written to them, and at first what was read from the device. */
function memory({ config, regions }: Snapshot): DeviceLogic {
  const taken = messages(config);
  const bars = regions.filter(({ index }) => index < ROM);
  const registers = bars.map(({ index, size, contents }): [number, MemoryBlock[]] => {
    const holes = taken
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

/** The shortest ROM there is: what is in it is not known, but that it is there. */
function smallestRom(): Uint8Array {
  const image = new Uint8Array(ROM_BLOCK);
  image.set([0x55, 0xaa]);
  image[0x18] = ROM_DATA;
  // "PCIR", one block of 512 bytes, and the mark of the last image.
  image.set([0x50, 0x43, 0x49, 0x52], ROM_DATA);
  image[ROM_DATA + 16] = 1;
  image[ROM_DATA + 21] = 0x80;
  return image;
}
