import type { PciDevice } from '../index.js';

/** What a demo found out, for people and for programs. */
export interface DemoReport {
  /** Whether all the demo set out to show was seen. */
  readonly ok: boolean;
  /** Printed with `--json`; bigints become numbers, or "0x…" strings above 2^53. */
  readonly data: Readonly<Record<string, unknown>>;
  /** That `data` is all that `--json` prints: what the device is does not go before it. */
  readonly alone?: boolean;
  /** Pairs of label and text, printed in order. */
  readonly lines: readonly (readonly [label: string, text: string])[];
}

export type Demo = (device: PciDevice) => Promise<DemoReport>;
