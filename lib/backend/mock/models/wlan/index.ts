import { defineModel } from '../define.js';
import { IDENTITIES } from '../identities.js';
import type { BarShape, DeviceHost, DeviceLogic, SourceRegisters } from '../../hardware/model.js';
import { IRREGULAR_BAR, IrregularWlan } from './irregular.js';
import { REGULAR_BAR, REGULAR_SOURCES, RegularWlan } from './regular.js';

/**
 * A wireless adapter, similar to the adapters of the driver ath11k. The device has MSI with 32
 * vectors, and an interrupt controller with interrupt sources of its own (private sources). The
 * driver writes a message to the registers of each private source. The device sends this message
 * unchanged. If the driver has written a wrong message, the interrupt is lost.
 */
export const wlan = {
  ...defineLayout(
    REGULAR_BAR,
    IDENTITIES.wlan.deviceId,
    (host) => new RegularWlan(host),
    REGULAR_SOURCES,
  ),
  layouts: { irregular: defineLayout(IRREGULAR_BAR, 0x574d, (host) => new IrregularWlan(host)) },
};

function defineLayout(
  bar: BarShape,
  deviceId: number,
  create: (host: DeviceHost) => DeviceLogic,
  sources?: SourceRegisters,
) {
  return defineModel({
    name: 'wlan',
    shape: {
      ...IDENTITIES.wlan,
      deviceId,
      interruptPin: 1,
      bars: [bar],
      capabilities: [
        { name: 'pm', offset: 0x40 },
        { name: 'msi', offset: 0x50, vectors: 32 },
        { name: 'pcie', offset: 0x70 },
      ],
      sources,
    },
    // The driver reads a valid MSI message from the MSI registers. This needs MSI_NOVIRT.
    kernel: { novirt: true },
    create,
  });
}
