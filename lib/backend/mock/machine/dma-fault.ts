import { checkString, checkU64 } from '../../../checks.js';

/**
 * Reason why a DMA transfer failed. A transfer is aborted if a test injects the fault, or if the
 * device does not respond.
 */
export type DmaFaultReason =
  'not mapped' | 'not permitted' | 'no bus master' | 'no such PASID' | 'aborted';

/**
 * A failed DMA transfer: the IOMMU blocked the transfer, bus mastering is disabled, or the host
 * aborted the transfer.
 */
export class DmaFault extends Error {
  override readonly name = 'DmaFault';
  /** Address of the first byte that was not transferred. */
  readonly address: bigint;
  readonly reason: DmaFaultReason;

  constructor(address: bigint, reason: DmaFaultReason) {
    checkU64(address, 'address');
    checkString(reason, 'reason');
    super(`DMA at 0x${address.toString(16)}: ${reason}`);
    this.address = address;
    this.reason = reason;
  }
}
