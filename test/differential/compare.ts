import { masks } from './masks.js';
import type { Answer, Op } from './script.js';
import type { Target } from './targets.js';

const READS: readonly string[] = ['read', 'mmio_read', 'buffer_read'];

/** The first operation to which the kernel and the mock gave different answers. */
export interface Difference {
  readonly step: number;
  readonly kernel: Answer | undefined;
  readonly mock: Answer | undefined;
}

/**
 * Returns a value as little-endian bytes in hex. The result has `width` bytes, or more if the value
 * needs more bytes.
 */
function toHexBytes({ width }: Op, value: unknown): string {
  const digits = BigInt(value as number | string).toString(16);
  const length = Math.max(width as number, Math.ceil(digits.length / 2));
  return Buffer.from(digits.padStart(2 * length, '0'), 'hex')
    .reverse()
    .toString('hex');
}

/**
 * Returns an answer as text for the comparison. The text omits the message and contains `--` for
 * each masked byte.
 */
function normalizeAnswer(
  target: Target,
  script: readonly Op[],
  step: number,
  answer?: Answer,
): string {
  if (answer === undefined) return '';
  const op = script[step];
  if (!answer.ok || op === undefined || !READS.includes(op.op)) {
    return JSON.stringify({ ...answer, message: undefined });
  }
  const registers = op.op === 'mmio_read';
  const before = script.slice(0, step);
  const data = registers ? toHexBytes(op, answer.value) : (answer.data as string);
  const requested = registers ? (op.width as number) : Infinity;
  const shown = (data.match(/../g) ?? []).map((byte, i) => {
    const offset = (op.offset as number) + i;
    if (!masks.some((mask) => mask.covers(target, op, offset, before))) return byte;
    return i < requested ? '--' : '';
  });
  return shown.join('');
}

/**
 * Compares the answers of two runs of a script. Returns the first difference, or null if all
 * answers are the same.
 */
export function compare(
  target: Target,
  script: readonly Op[],
  kernel: readonly Answer[],
  mock: readonly Answer[],
): Difference | null {
  for (let step = 0; step < script.length; step++) {
    const real = normalizeAnswer(target, script, step, kernel[step]);
    const emulated = normalizeAnswer(target, script, step, mock[step]);
    if (real !== emulated) return { step, kernel: kernel[step], mock: mock[step] };
  }
  return null;
}
