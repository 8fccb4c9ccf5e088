import { channel } from 'node:diagnostics_channel';
import { REFUSED_DMA_CHANNEL, type RefusedDma } from '../../../contract/diagnostics.js';
import { DmaFault } from '../machine/dma-fault.js';

const refusals = channel(REFUSED_DMA_CHANNEL);

/**
 * Runs a DMA transfer. If the IOMMU refuses the transfer, the refusal is published, as a kernel
 * logs the refusal.
 *
 * @param device - returns the name of the device
 * @throws DmaFault if the IOMMU refuses the transfer
 */
export function publishRefusal(device: () => string, isWrite: boolean, transfer: () => void): void {
  try {
    transfer();
  } catch (error) {
    if (error instanceof DmaFault && refusals.hasSubscribers) {
      const { address, reason } = error;
      const refused: RefusedDma = { device: device(), isWrite, address, reason };
      refusals.publish(refused);
    }
    throw error;
  }
}
