import type { Message } from '../../contract/message.js';
import type { IommuFacts } from '../../contract/index.js';

/** How a message is read: from the MSI-X table in the mapped BAR, or by the feature MSI_NOVIRT. */
export type MessageMethod = 'msix-table' | 'novirt';

/** A message as the device sends it, and whether the host remaps the message. */
export interface PhysicalMessage extends Message {
  /**
   * Whether the IOMMU remaps the message. A remapped message does not change while the vector is
   * requested. The host changes a message without remapping when it moves the interrupt to another
   * CPU.
   */
  readonly remapped: boolean | 'unknown';
  /** How the message was read. */
  readonly method: MessageMethod;
}

/** Interrupt format bit (Intel VT-d, section 5.1.2.2). A remappable message has this bit set. */
const INTERRUPT_FORMAT = 1n << 4n;

/**
 * Returns whether the IOMMU remaps the message. On AMD, the message does not show the remapping.
 * But VFIO refuses a device without remapping, unless `unsafeInterrupts` is set.
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
