import type { CapabilityShape } from '../../hardware/model.js';
import { defineModel } from '../define.js';
import { IDENTITIES } from '../identities.js';
import { VirtioBlock } from './device.js';
import * as virtio from './registers.js';

/** A capability that gives the place of a structure: section 4.1.4. */
function structure(at: number, type: number, offset: number, more: number[] = []): CapabilityShape {
  const words = [virtio.BAR, offset, virtio.STRUCTURE_SIZE, ...more];
  const bytes = new Uint8Array(1 + 4 * words.length);
  bytes[0] = type;
  words.forEach((word, i) => {
    new DataView(bytes.buffer).setUint32(1 + 4 * i, word, true);
  });
  return { name: 'vendor_specific', offset: at, bytes };
}

/**
 * The virtio block device of QEMU (`virtio-blk-pci` with `iommu_platform=on`): Virtual I/O Device
 * specification 1.2. The device has no legacy interface, and no capability VIRTIO_PCI_CAP_PCI_CFG.
 */
export const virtioBlk = defineModel({
  name: 'virtio-blk',
  shape: {
    ...IDENTITIES['virtio-blk'],
    interruptPin: 1,
    bars: [
      { index: 1, size: 0x1000, bits: 32 },
      { index: virtio.BAR, size: 0x4000, bits: 64, prefetchable: true },
    ],
    capabilities: [
      {
        name: 'msix',
        offset: 0x98,
        vectors: virtio.VECTORS,
        table: { bar: 1, offset: 0 },
        pba: { bar: 1, offset: 0x800 },
      },
      structure(0x70, virtio.VIRTIO_PCI_CAP_NOTIFY_CFG, virtio.NOTIFY, [virtio.NOTIFY_MULTIPLIER]),
      structure(0x60, virtio.VIRTIO_PCI_CAP_DEVICE_CFG, virtio.DEVICE),
      structure(0x50, virtio.VIRTIO_PCI_CAP_ISR_CFG, virtio.ISR),
      structure(0x40, virtio.VIRTIO_PCI_CAP_COMMON_CFG, 0),
      { name: 'pcie', offset: 0xc0 },
    ],
  },
  create: (host) => new VirtioBlock(host),
});
