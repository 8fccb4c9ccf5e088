import { findingText, type Trace, type VectorSummary } from '../../observe/trace/index.js';
import { printable } from '../../printable.js';

/** Returns how the program ended, and what can explain the end, in one line each. */
export function endOf({ ended, findings }: Trace): string {
  const lines = [ended, ...findings.map((finding) => `  ${findingText(finding)}`)];
  return lines.map(printable).join('\n');
}

const µs = (ns: number | undefined): string => (ns === undefined ? '–' : (ns / 1000).toFixed(1));

/** Returns the figures of the vectors as a table. */
export function tableOf(vectors: readonly VectorSummary[]): string {
  const rows = [
    ['device', 'vector', 'interrupts', 'deliveries', 'median µs', 'max µs', 'late', 'lost'],
    ...vectors.map(({ device, irq, vector, interrupts, deliveries, latency, late, lost }) => [
      printable(device),
      `${irq} ${vector}`,
      ...[interrupts, deliveries].map(String),
      µs(latency?.median),
      µs(latency?.max),
      ...[late, lost].map(String),
    ]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}
