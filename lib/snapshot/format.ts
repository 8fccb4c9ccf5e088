import type { IovaRange, OpenedVia } from '../contract/index.js';

/**
 * The value of the field `format` in a snapshot file. The number at the end is increased for each
 * change of the format that older versions of the library cannot read.
 */
export const FORMAT = 'vfio-snapshot/1';

/** The names of region flags, by bit number. The first name is the name of bit 0. */
export const REGION_FLAGS = ['read', 'write', 'mmap', 'caps'] as const;
/** The names of interrupt index flags, by bit number. The first name is the name of bit 0. */
export const IRQ_FLAGS = ['eventfd', 'maskable', 'automasked', 'noresize'] as const;

/**
 * The properties of a device at one moment. The behaviour of the device is not part of a snapshot.
 */
export interface Snapshot {
  /** The name of the device. */
  readonly device: string;
  readonly via: OpenedVia;
  /** Whether the function supports `VFIO_DEVICE_RESET`. */
  readonly resets: boolean;
  /** Configuration space as read through VFIO, 256 or 4096 bytes. */
  readonly config: Uint8Array;
  readonly regions: readonly SnapshotRegion[];
  readonly interrupts: readonly SnapshotIrq[];
  readonly features: readonly SnapshotFeature[];
  readonly dma: { readonly pageSizes: bigint; readonly ranges: readonly IovaRange[] };
}

/** A region of the device. Regions of size 0 are not part of a snapshot. */
export interface SnapshotRegion {
  readonly index: number;
  /** VFIO_REGION_INFO_FLAG_*. */
  readonly flags: number;
  /** Size of the region, in bytes. */
  readonly size: number;
  /**
   * The ids of the region's capabilities, as the kernel reports them in
   * `VFIO_DEVICE_GET_REGION_INFO`.
   */
  readonly capabilities: readonly number[];
  /** The contents of the region, or undefined if the caller did not request the contents. */
  readonly contents?: Uint8Array | undefined;
}

export interface SnapshotIrq {
  readonly index: number;
  /** VFIO_IRQ_INFO_*. */
  readonly flags: number;
  readonly count: number;
}

/** A feature that the device supports. */
export interface SnapshotFeature {
  readonly number: number;
  readonly get: boolean;
  readonly set: boolean;
}
