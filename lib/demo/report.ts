import type { PciDevice } from '../index.js';

/** Findings of a demo, for people and for programs. */
export interface DemoReport {
  /** Whether every check of the demo passed. */
  readonly ok: boolean;
  /** Output of `--json`. Bigints become numbers, or "0x…" strings above 2^53. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Whether `--json` omits the description of the device and prints `data` alone. */
  readonly omitDescription?: boolean;
  /** Pairs of label and text, printed in order. */
  readonly lines: readonly (readonly [label: string, text: string])[];
}

export type Demo = (device: PciDevice) => Promise<DemoReport>;
