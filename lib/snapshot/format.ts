import type { IovaRange, Via } from '../contract/index.js';

/**
 * The value of the field `format`. The number in `format` increases if older versions of the
 * library would misread the file.
 */
export const FORMAT = 'vfio-snapshot/1';

/** Names of the flags of a region. The first name belongs to bit 0. */
export const REGION_FLAGS = ['read', 'write', 'mmap', 'caps'] as const;
/** Names of the flags of an interrupt index. The first name belongs to bit 0. */
export const IRQ_FLAGS = ['eventfd', 'maskable', 'automasked', 'noresize'] as const;

/** The properties of a device. A snapshot does not contain the behaviour of the device. */
export interface Snapshot {
  /** Name of the device from which the snapshot was taken. */
  readonly device: string;
  readonly via: Via | 'noiommu';
  /** Whether VFIO_DEVICE_RESET works on the function. */
  readonly resets: boolean;
  /** Configuration space as VFIO shows it, 256 or 4096 bytes. */
  readonly config: Uint8Array;
  readonly regions: readonly SnapshotRegion[];
  readonly interrupts: readonly SnapshotIrq[];
  readonly features: readonly SnapshotFeature[];
  readonly dma: { readonly pageSizes: bigint; readonly ranges: readonly IovaRange[] };
}

/** A region of the device. Regions of size 0 are not in the snapshot. */
export interface SnapshotRegion {
  readonly index: number;
  /** VFIO_REGION_INFO_FLAG_*. */
  readonly flags: number;
  /** Bytes. */
  readonly size: number;
  /** Ids of the capabilities in the region info. */
  readonly capabilities: readonly number[];
  /** The contents of the region; undefined unless the contents were requested. */
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
