import { defineModel } from '../define.js';
import { IDENTITIES } from '../identities.js';
import { Controller, type ControllerHost } from './controller.js';
import { MSIX_VECTORS } from './limits.js';

/**
 * An NVM Express controller with one namespace of 64 MiB. The ids and the BAR layout are the same
 * as in QEMU's controller. The behaviour follows NVM Express Base Specification 1.4. The model
 * implements only the commands that a driver needs.
 */
export const nvme = defineModel({
  name: 'nvme',
  shape: {
    ...IDENTITIES.nvme,
    interruptPin: 1,
    bars: [{ index: 0, size: 0x4000, bits: 64 }],
    capabilities: [
      {
        name: 'msix',
        offset: 0x40,
        vectors: MSIX_VECTORS,
        table: { bar: 0, offset: 0x2000 },
        pba: { bar: 0, offset: 0x3000 },
      },
      { name: 'pcie', offset: 0x80 },
      { name: 'pm', offset: 0x60 },
    ],
  },
  create: (host: ControllerHost) => new Controller(host),
});
