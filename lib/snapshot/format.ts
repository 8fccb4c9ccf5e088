import type { IovaRange, Via } from '../contract/index.js';

/**
 * The value of the field `format` in a snapshot file. The number at the end of the value increases
 * if older versions of the library would read new files wrongly.
 */
export const FORMAT = 'vfio-snapshot/1';

/** The names of the flags of a region, by bit number. The first name is the name of bit 0. */
export const REGION_FLAGS = ['read', 'write', 'mmap', 'caps'] as const;
/**
 * The names of the flags of an interrupt index, by bit number. The first name is the name of bit 0.
 */
export const IRQ_FLAGS = ['eventfd', 'maskable', 'automasked', 'noresize'] as const;

/**
 * The properties of a device at one moment. A snapshot does not contain the behaviour of the
 * device.
 */
export interface Snapshot {
  /** The name of the device from which the snapshot was taken. */
  readonly device: string;
  readonly via: Via | 'noiommu';
  /** Whether VFIO_DEVICE_RESET works on the function. */
  readonly resets: boolean;
  /** The 256 or 4096 bytes of configuration space that VFIO shows. */
  readonly config: Uint8Array;
  readonly regions: readonly SnapshotRegion[];
  readonly interrupts: readonly SnapshotIrq[];
  readonly features: readonly SnapshotFeature[];
  readonly dma: { readonly pageSizes: bigint; readonly ranges: readonly IovaRange[] };
}

/** A region of the device. The snapshot does not contain regions whose size is 0. */
export interface SnapshotRegion {
  readonly index: number;
  /** VFIO_REGION_INFO_FLAG_*. */
  readonly flags: number;
  /** Bytes. */
  readonly size: number;
  /** The ids of the capabilities that the kernel returned in the region info. */
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
