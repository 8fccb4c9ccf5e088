import type { Judged, Result } from './measure.js';

/** Makes a Markdown table of the results, one line for each goal. */
export function table(results: readonly Result[]): string {
  const head = ['path', 'contender', 'median', 'against', 'median', 'ratio', 'goal', 'stretch', ''];
  const lines = results.flatMap((result) => result.goals.map((goal) => lineOf(result, goal)));
  const rows = [head, ...lines];
  const widths = head.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const print = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [print(head), rule, ...lines.map(print)].join('\n');
}

function lineOf({ title, unit, measured }: Result, goal: Judged): string[] {
  const median = (name: string | undefined) => {
    const found = measured.find((one) => one.name === name);
    return found === undefined ? '' : quantity(found.median, unit);
  };
  const limit = (value: number | undefined) => {
    if (value === undefined) return '';
    return goal.to === undefined ? `<= ${quantity(value, unit)}` : `<= ${value}x`;
  };
  return [
    title,
    goal.of,
    median(goal.of),
    goal.to ?? '',
    median(goal.to),
    goal.to === undefined ? '' : `${digits(goal.value)}x`,
    limit(goal.atMost),
    limit(goal.stretch),
    goal.reached ?? '',
  ];
}

const STEPS: Readonly<Record<string, readonly [number, string]>> = {
  ns: [1000, 'us'],
  us: [1000, 'ms'],
  ms: [1000, 's'],
  bytes: [1024, 'KiB'],
  KiB: [1024, 'MiB'],
  instructions: [1000, 'k instructions'],
  'k instructions': [1000, 'M instructions'],
  'M instructions': [1000, 'G instructions'],
};

/** Formats a quantity with three digits, in a suitable unit. */
export function quantity(value: number, unit: string): string {
  const [factor, next] = STEPS[unit] ?? [Infinity, ''];
  return Math.abs(value) >= factor ? quantity(value / factor, next) : `${digits(value)} ${unit}`;
}

/** Formats a number with three significant digits and without an exponent. */
export function digits(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 6));
}
