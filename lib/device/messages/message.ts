import type { Message } from '../../contract/message.js';
import type { IommuFacts } from '../../contract/index.js';

/** Where a message was read: the MSI-X table in the mapped BAR, or the MSI capability's registers. */
export type MessageMethod = 'msix-table' | 'novirt';

/** A message as the device sends it, with what the host makes of it. */
export interface PhysicalMessage extends Message {
  /**
   * Whether it goes through interrupt remapping. Then it stays as it is for as long as the vector is
   * requested; otherwise the host changes it when it moves the interrupt to another CPU.
   */
  readonly remapped: boolean | 'unknown';
  /** Where it was read. */
  readonly method: MessageMethod;
}

/** Interrupt format (Intel VT-d, section 5.1.2.2): set in messages that name a remapping entry. */
const INTERRUPT_FORMAT = 1n << 4n;

/**
 * What the message and the IOMMU tell of it. An AMD message looks the same with and without
 * remapping; but VFIO does not take the device without, unless it was told to.
 */
export function isRemapped(
  { address }: Message,
  { name, unsafeInterrupts }: IommuFacts,
): PhysicalMessage['remapped'] {
  if (name === null) return 'unknown';
  if (name.startsWith('dmar')) return (address & INTERRUPT_FORMAT) !== 0n;
  if (name.startsWith('ivhd') && !unsafeInterrupts) return true;
  return 'unknown';
}
