import { VFIO_REGION_INFO_FLAG_WRITE } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import type { Native, NativeWindow } from '../../native/binding.js';
import type { MemoryAreas } from '../linux/memory-areas.js';
import { MappedWindow } from '../linux/window.js';
import type { SharedRegion } from './regions.js';

/** A part of a window that the server shares as memory. The offsets are offsets in the window. */
export interface MappedArea {
  readonly start: number;
  readonly end: number;
  readonly window: MappedWindow;
}

/** The part of a region that a window covers. */
export interface WindowExtent {
  /** Name of the device and of the region, for error messages. */
  readonly path: string;
  readonly region: number;
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/**
 * Maps the parts of a window that the server shares. A part that cannot be mapped is accessed by
 * messages.
 */
export function mapAreas(
  native: Native,
  memoryAreas: MemoryAreas,
  { flags, areas, fd, fileOffset }: SharedRegion,
  { path, offset, length }: WindowExtent,
): MappedArea[] {
  const writable = (flags & VFIO_REGION_INFO_FLAG_WRITE) !== 0;
  const mapped: MappedArea[] = [];
  try {
    for (const area of areas) {
      const start = Math.max(Number(area.offset) - offset, 0);
      const end = Math.min(Number(area.offset + area.size) - offset, length);
      if (start >= end || fd === null) continue;
      memoryAreas.check();
      const mapping = tryMap(native, fd, fileOffset + offset + start, end - start, writable);
      if (mapping === null) continue;
      const window = new MappedWindow(native, mapping, { path, writable }, () => undefined);
      mapped.push({ start, end, window });
    }
    return mapped;
  } catch (error) {
    for (const { window } of mapped) window.close();
    throw error;
  }
}

function tryMap(
  native: Native,
  fd: number,
  position: number,
  length: number,
  writable: boolean,
): NativeWindow | null {
  try {
    return native.mapRegion(fd, position, length, writable);
  } catch (error) {
    // The descriptor of the server is not memory, or does not allow writes.
    if (error instanceof VfioError) return null;
    throw error;
  }
}
