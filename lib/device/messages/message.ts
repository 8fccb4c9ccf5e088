import type { Message } from '../../contract/message.js';
import type { IommuFacts } from '../../contract/index.js';

/**
 * The source of a message: the MSI-X table in the mapped BAR, or the MSI registers with MSI_NOVIRT.
 */
export type MessageMethod = 'msix-table' | 'novirt';

/** A message that the device sends, and whether the IOMMU remaps this message. */
export interface PhysicalMessage extends Message {
  /**
   * Whether the IOMMU remaps the message. A remapped message does not change while the vector is
   * requested. If a message is not remapped, the host changes the message when it moves the
   * interrupt to another CPU.
   */
  readonly remapped: boolean | 'unknown';
  /** How the message was read. */
  readonly method: MessageMethod;
}

/** Interrupt format bit (Intel VT-d, section 5.1.2.2). A remappable message has this bit set. */
const INTERRUPT_FORMAT = 1n << 4n;

/**
 * Returns whether the IOMMU remaps the message. On AMD, the message does not show whether it is
 * remapped. On arm64, the message contains the number of an event, which the interrupt controller
 * (ITS) looks up in a table of the device. On both, VFIO refuses a device whose interrupts are not
 * isolated, unless `unsafeInterrupts` is set.
 */
export function isRemapped(
  { address }: Message,
  { name, unsafeInterrupts }: IommuFacts,
): PhysicalMessage['remapped'] {
  if (name === null) return 'unknown';
  if (name.startsWith('dmar')) return (address & INTERRUPT_FORMAT) !== 0n;
  if (/^(ivhd|smmu)/.test(name) && !unsafeInterrupts) return true;
  return 'unknown';
}
