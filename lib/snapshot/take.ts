import type { DeviceConnection } from '../contract/index.js';
import {
  FEATURE_NAMES,
  VFIO_DEVICE_FEATURE_GET,
  VFIO_DEVICE_FEATURE_PROBE,
  VFIO_DEVICE_FEATURE_SET,
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_PCI_BAR5_REGION_INDEX,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_NUM_REGIONS,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { DECODERS, isUnresponsive, walkCapabilities } from '../pci/index.js';
import type { Snapshot, SnapshotFeature, SnapshotRegion } from './format.js';

const CONTENTS_MAX = 2 ** 26;
const ENTRY = 16;
const NO_DATA = new Uint8Array(0);

/**
 * Takes a snapshot of a device. Nothing is written to the device. Because a read of a register can
 * have side effects, the contents of a BAR are read only if the index of the BAR is in `bars`.
 *
 * @param bars - the indexes of the BARs to read. Each dword of a BAR is read once.
 * @throws VfioError EINVAL if a BAR does not exist or is larger than 64 MiB; EIO if the device does
 *   not respond
 */
export function takeSnapshot(connection: DeviceConnection, bars: readonly number[]): Snapshot {
  const { flags, numRegions, numIrqs } = connection.getInfo();
  const regions = range(Math.min(numRegions, VFIO_PCI_NUM_REGIONS))
    .flatMap((index) => region(connection, index))
    .filter(({ size }) => size > 0);
  const config = readConfig(connection, regions);
  if (isUnresponsive(config)) {
    const message =
      'the device does not respond: every read of configuration space returns all ones';
    throw new VfioError({ code: 'EIO', message, path: connection.name });
  }
  for (const bar of bars) checkBar(connection, bar, regions);
  const { addressSpace } = connection;
  return {
    device: connection.name,
    via: connection.via,
    resets: (flags & VFIO_DEVICE_FLAGS_RESET) !== 0,
    config,
    regions: regions.map((one) =>
      bars.includes(one.index) ? { ...one, contents: contents(connection, one, config) } : one,
    ),
    interrupts: range(numIrqs).flatMap((index) => readIfExists(() => connection.getIrqInfo(index))),
    features: range(FEATURE_NAMES.length).flatMap((number) => probe(connection, number)),
    dma: { pageSizes: addressSpace.pageSizes, ranges: addressSpace.ranges() },
  };
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/**
 * Returns a list that contains the result of `read`. If the index does not exist (EINVAL), the list
 * is empty.
 */
function readIfExists<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch (error) {
    if (error instanceof VfioError && error.code === 'EINVAL') return [];
    throw error;
  }
}

function region(connection: DeviceConnection, index: number): SnapshotRegion[] {
  return readIfExists(() => connection.getRegionInfo(index)).map(
    ({ flags, size, capabilities }) => ({
      index,
      flags,
      size: Number(size),
      capabilities: capabilities.map(({ id }) => id),
    }),
  );
}

function readConfig(connection: DeviceConnection, regions: readonly SnapshotRegion[]): Uint8Array {
  const size = regions.find(({ index }) => index === VFIO_PCI_CONFIG_REGION_INDEX)?.size ?? 0;
  const bytes = new Uint8Array(size);
  connection.read(VFIO_PCI_CONFIG_REGION_INDEX, 0, bytes);
  return bytes;
}

function checkBar(
  { name }: DeviceConnection,
  bar: number,
  regions: readonly SnapshotRegion[],
): void {
  const size = regions.find(({ index }) => index === bar)?.size ?? 0;
  if (bar > VFIO_PCI_BAR5_REGION_INDEX || size === 0) {
    throw new VfioError({ code: 'EINVAL', message: `the device has no BAR ${bar}`, path: name });
  }
  if (size > CONTENTS_MAX) {
    const message = `BAR ${bar} has ${size} bytes, but a snapshot contains at most ${CONTENTS_MAX} bytes of a BAR`;
    throw new VfioError({ code: 'EINVAL', message, path: name });
  }
}

/** Reads the contents of a BAR. The MSI-X table is not read, because the host uses the table. */
function contents(
  connection: DeviceConnection,
  { index, size }: SnapshotRegion,
  config: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const [start, end] = messageTable(config, index);
  for (let offset = 0; offset + 4 <= size; offset += 4) {
    if (offset >= start && offset < end) continue;
    view.setUint32(offset, connection.load(index, offset, 4), true);
  }
  return bytes;
}

function messageTable(config: Uint8Array, bar: number): readonly [start: number, end: number] {
  const msix = walkCapabilities(config).find(({ name }) => name === 'msix');
  if (msix === undefined) return [0, 0];
  const { table, vectors } = DECODERS.msix(config, msix.offset);
  return table.bir === bar ? [table.offset, table.offset + vectors * ENTRY] : [0, 0];
}

function probe(connection: DeviceConnection, number: number): SnapshotFeature[] {
  const can = (direction: number): boolean => {
    try {
      connection.feature(number | direction | VFIO_DEVICE_FEATURE_PROBE, NO_DATA);
      return true;
    } catch {
      return false;
    }
  };
  const [get, set] = [can(VFIO_DEVICE_FEATURE_GET), can(VFIO_DEVICE_FEATURE_SET)];
  return get || set ? [{ number, get, set }] : [];
}
