/**
 * Structures and constants of the Virtual I/O Device specification 1.2, with the names of
 * linux/virtio_pci.h, linux/virtio_config.h and linux/virtio_blk.h.
 */
import { defineRegisters } from '../../../../registers/index.js';

export const VIRTIO_PCI_CAP_COMMON_CFG = 1;
export const VIRTIO_PCI_CAP_NOTIFY_CFG = 2;
export const VIRTIO_PCI_CAP_ISR_CFG = 3;
export const VIRTIO_PCI_CAP_DEVICE_CFG = 4;
export const VIRTIO_MSI_NO_VECTOR = 0xffff;

/** Bits of the ISR status. */
export const VIRTIO_PCI_ISR_QUEUE = 1;
export const VIRTIO_PCI_ISR_CONFIG = 2;

export const VIRTIO_CONFIG_S_DRIVER_OK = 4;
export const VIRTIO_CONFIG_S_FEATURES_OK = 8;
export const VIRTIO_CONFIG_S_NEEDS_RESET = 0x40;

export const VIRTIO_BLK_F_FLUSH = 9n;
export const VIRTIO_F_VERSION_1 = 32n;
export const VIRTIO_F_ACCESS_PLATFORM = 33n;

/** The places of the structures in BAR 4, as in QEMU. */
export const BAR = 4;
export const ISR = 0x1000;
export const DEVICE = 0x2000;
export const NOTIFY = 0x3000;
/** Size of each structure in the BAR. */
export const STRUCTURE_SIZE = 0x1000;
/** Bytes between the notification addresses of two queues. */
export const NOTIFY_MULTIPLIER = 4;
export const QUEUE_SIZE_MAX = 256;
/** One vector for changes of the configuration, and one for the queue. */
export const VECTORS = 2;

/** The common configuration structure: section 4.1.4.3. */
export const COMMON = defineRegisters('virtio', {
  device_feature_select: { offset: 0x00, width: 4 },
  device_feature: { offset: 0x04, width: 4, access: 'ro' },
  driver_feature_select: { offset: 0x08, width: 4 },
  driver_feature: { offset: 0x0c, width: 4 },
  config_msix_vector: { offset: 0x10, width: 2, reset: VIRTIO_MSI_NO_VECTOR },
  num_queues: { offset: 0x12, width: 2, access: 'ro', reset: 1 },
  device_status: { offset: 0x14, width: 1 },
  config_generation: { offset: 0x15, width: 1, access: 'ro' },
  queue_select: { offset: 0x16, width: 2 },
  queue_size: { offset: 0x18, width: 2, reset: QUEUE_SIZE_MAX },
  queue_msix_vector: { offset: 0x1a, width: 2, reset: VIRTIO_MSI_NO_VECTOR },
  queue_enable: { offset: 0x1c, width: 2 },
  queue_notify_off: { offset: 0x1e, width: 2, access: 'ro' },
  queue_desc: { offset: 0x20, width: 8 },
  queue_driver: { offset: 0x28, width: 8 },
  queue_device: { offset: 0x30, width: 8 },
});
