import { isMockName } from '../contract/names.js';
import { memlock } from '../host/checks/memory.js';
import type { Host } from '../host/host.js';

/** The memory of the guest in the arguments that `vfio serve` prints, for QEMU and in bytes. */
export const GUEST_MEMORY = { size: '1G', bytes: 2n ** 30n } as const;

/**
 * Returns a warning if this process cannot lock the memory of the guest. The memory of a guest is
 * pinned for a real device. A mock device pins no memory.
 */
export function lockedMemoryWarning(host: Host, device: string): string | null {
  if (isMockName(device)) return null;
  const [finding] = memlock(host, { memory: GUEST_MEMORY.bytes });
  if (finding?.state !== 'problem') return null;
  return (
    `warning: the limit of locked memory is ${finding.text} by a guest with ` +
    `${GUEST_MEMORY.size}, so its memory cannot be mapped\nfix: ${finding.fix ?? ''}`
  );
}
