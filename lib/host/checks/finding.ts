import type { Host } from '../host.js';

/**
 * The state `problem` means that programs cannot use VFIO. The state `warning` means that programs
 * can use VFIO, but with a limit or a risk.
 */
export type State = 'ok' | 'note' | 'warning' | 'problem';

/** The result of one check. */
export interface Finding {
  /** The subject: `'iommu'`, `'group 14'`. */
  readonly check: string;
  readonly state: State;
  readonly text: string;
  /** The fix, as shell commands if possible. */
  readonly fix?: string | undefined;
}

/** Checks one property of the machine and changes nothing. */
export type Check = (host: Host, wanted: Wanted) => Finding[];

/** The intended use. */
export interface Wanted {
  /** The function to check. If undefined, every function that is bound to vfio-pci is checked. */
  readonly device?: string | undefined;
  /** Size of the DMA memory to map, in bytes. */
  readonly memory?: bigint | undefined;
}

export function ok(check: string, text: string): Finding {
  return { check, state: 'ok', text };
}

export function note(check: string, text: string, fix?: string): Finding {
  return { check, state: 'note', text, fix };
}

export function warning(check: string, text: string, fix?: string): Finding {
  return { check, state: 'warning', text, fix };
}

export function problem(check: string, text: string, fix?: string): Finding {
  return { check, state: 'problem', text, fix };
}
