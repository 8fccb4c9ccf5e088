import type { Host } from '../host.js';

/** `problem`: a program cannot work like this. `warning`: it may, with less or with a risk. */
export type State = 'ok' | 'note' | 'warning' | 'problem';

/** One thing that was looked at. */
export interface Finding {
  /** What it is about: `'iommu'`, `'group 14'`. */
  readonly check: string;
  readonly state: State;
  readonly text: string;
  /** What mends it, as commands where there are some. */
  readonly mend?: string | undefined;
}

/** Looks at one side of the machine; changes nothing. */
export type Check = (host: Host, wanted: Wanted) => Finding[];

/** What the user is going to do. */
export interface Wanted {
  /** The function to be driven; undefined: whichever are bound. */
  readonly device?: string | undefined;
  /** Bytes of DMA memory. */
  readonly memory?: bigint | undefined;
}

export function ok(check: string, text: string): Finding {
  return { check, state: 'ok', text };
}

export function note(check: string, text: string, mend?: string): Finding {
  return { check, state: 'note', text, mend };
}

export function warning(check: string, text: string, mend?: string): Finding {
  return { check, state: 'warning', text, mend };
}

export function problem(check: string, text: string, mend?: string): Finding {
  return { check, state: 'problem', text, mend };
}
