import { UsageError } from './usage.js';

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  K: 1n << 10n,
  M: 1n << 20n,
  G: 1n << 30n,
};

/** Parses a size in bytes: a number (decimal or with 0x), or a decimal number with K, M or G. */
export function parseSize(what: string, text: string): bigint {
  const [, digits = '', unit = ''] = /^(\d+)([KMG]?)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (digits !== '' && factor !== undefined) return BigInt(digits) * factor;
  return parseUnsigned(what, text, '4096, 0x1000 or 64M');
}

/** Parses an unsigned number of up to 64 bits, decimal or with 0x. */
export function parseUnsigned(what: string, text: string, examples = '4096 or 0x1000'): bigint {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? BigInt(text) : -1n;
  if (value >= 0n && value < 1n << 64n) return value;
  throw new UsageError(`${what} must be a number such as ${examples}, not '${text}'`);
}

/** Parses an unsigned number up to a limit. */
export function parseCount(what: string, text: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = parseUnsigned(what, text);
  if (value <= BigInt(max)) return Number(value);
  throw new UsageError(`${what} must be at most ${max}, not ${text}`);
}
