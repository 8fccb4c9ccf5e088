import { masks } from './masks.js';
import type { Answer, Op } from './script.js';
import type { Target } from './targets.js';

/** The first operation of a script that was answered differently. */
export interface Difference {
  readonly step: number;
  readonly kernel: Answer | undefined;
  readonly mock: Answer | undefined;
}

/** Little-endian bytes of a value that was read, in hex. */
function bytesOf({ width }: Op, value: unknown): string {
  const digits = BigInt(value as number | string).toString(16);
  const bytes = Buffer.from(digits.padStart(2 * (width as number), '0'), 'hex');
  return bytes.reverse().toString('hex');
}

/** An answer as it is compared: without explanations, and with `--` for bytes that are masked. */
function comparable(target: Target, script: readonly Op[], step: number, answer?: Answer): string {
  if (answer === undefined) return '';
  const op = script[step];
  const registers = op?.op === 'mmio_read';
  if (!answer.ok || op === undefined || (op.op !== 'read' && !registers)) {
    return JSON.stringify({ ...answer, message: undefined });
  }
  const before = script.slice(0, step);
  const data = registers ? bytesOf(op, answer.value) : (answer.data as string);
  const shown = (data.match(/../g) ?? []).map((byte, i) => {
    const offset = (op.offset as number) + i;
    const masked = masks.some((mask) => mask.covers(target, op, offset, before));
    return masked ? '--' : byte;
  });
  return shown.join('');
}

/** Where two runs of a script differ, if they do. */
export function compare(
  target: Target,
  script: readonly Op[],
  kernel: readonly Answer[],
  mock: readonly Answer[],
): Difference | null {
  for (let step = 0; step < script.length; step++) {
    const real = comparable(target, script, step, kernel[step]);
    const imitated = comparable(target, script, step, mock[step]);
    if (real !== imitated) return { step, kernel: kernel[step], mock: mock[step] };
  }
  return null;
}
