import type { IovaRange, Via } from '../contract/index.js';

/** What the file begins with; the number rises when older readers would misread it. */
export const FORMAT = 'vfio-snapshot/1';

/** Names of the flags of a region, from bit 0 on. */
export const REGION_FLAGS = ['read', 'write', 'mmap', 'caps'] as const;
/** Names of the flags of an interrupt index, from bit 0 on. */
export const IRQ_FLAGS = ['eventfd', 'maskable', 'automasked', 'noresize'] as const;
export const REGION_NAMES = [
  ...['bar0', 'bar1', 'bar2', 'bar3', 'bar4', 'bar5'],
  ...['rom', 'config', 'vga'],
] as const;
export const IRQ_NAMES = ['intx', 'msi', 'msix', 'err', 'req'] as const;
/** By their numbers. */
export const FEATURE_NAMES = [
  ...['pci_vf_token', 'migration', 'mig_device_state', 'low_power_entry'],
  ...['low_power_entry_with_wakeup', 'low_power_exit', 'dma_logging_start', 'dma_logging_stop'],
  ...['dma_logging_report', 'mig_data_size', 'bus_master', 'dma_buf', 'mig_precopy_info'],
] as const;

/** What a device is, without what it does. */
export interface Snapshot {
  /** Where it was taken. */
  readonly device: string;
  readonly via: Via | 'noiommu';
  /** Whether something can reset the function. */
  readonly resets: boolean;
  /** 256 or 4096 bytes, as a user of VFIO reads them. */
  readonly config: Uint8Array;
  readonly regions: readonly SnapshotRegion[];
  readonly interrupts: readonly SnapshotIrq[];
  readonly features: readonly SnapshotFeature[];
  readonly dma: { readonly pageSizes: bigint; readonly ranges: readonly IovaRange[] };
}

/** A region that is there. */
export interface SnapshotRegion {
  readonly index: number;
  /** VFIO_REGION_INFO_FLAG_*. */
  readonly flags: number;
  /** Bytes. */
  readonly size: number;
  /** Ids of its capabilities. */
  readonly capabilities: readonly number[];
  /** What was read from it, if that was asked for. */
  readonly contents?: Uint8Array | undefined;
}

export interface SnapshotIrq {
  readonly index: number;
  /** VFIO_IRQ_INFO_*. */
  readonly flags: number;
  readonly count: number;
}

/** A feature that is there. */
export interface SnapshotFeature {
  readonly number: number;
  readonly get: boolean;
  readonly set: boolean;
}
