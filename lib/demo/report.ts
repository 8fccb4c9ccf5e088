import type { PciDevice } from '../index.js';

/** Results of a demo, both as text for people and as data for programs. */
export interface DemoReport {
  /** Whether every check of the demo passed. */
  readonly ok: boolean;
  /**
   * The results for `--json`. A bigint becomes a number, or a "0x…" string if the value is above
   * 2^53.
   */
  readonly data: Readonly<Record<string, unknown>>;
  /** Whether `--json` omits the description of the device and prints only `data`. */
  readonly omitDescription?: boolean;
  /** Pairs of label and text, printed in order. */
  readonly lines: readonly (readonly [label: string, text: string])[];
}

export type Demo = (device: PciDevice) => Promise<DemoReport>;
