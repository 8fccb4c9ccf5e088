import { paint } from '../terminal.js';
import type { Reading } from './meter.js';

/** Maximum width of a bar, and width of the columns beside it, in characters. */
const BAR = 30;
const BESIDE = 30;

/** The size of a terminal, in characters. */
export interface Room {
  readonly rows: number;
  readonly columns: number;
}

/** Returns the size of the terminal. A terminal on a serial line reports 0 rows and 0 columns. */
export function terminalRoom(): Room {
  const { rows, columns } = process.stdout;
  return { rows: rows || 24, columns: columns || 80 };
}

function barLength({ columns }: Room): number {
  return Math.max(Math.min(BAR, columns - BESIDE), 0);
}

/** Formats a number with a unit prefix: `950`, `1.25k`, `3.10M`. */
export function short(value: number): string {
  if (value < 1000) return value.toFixed(0);
  return value < 1e6 ? `${(value / 1e3).toFixed(2)}k` : `${(value / 1e6).toFixed(2)}M`;
}

/**
 * Formats one line for each vector, with a bar. The bar of the highest rate has the full length.
 */
export function chart(readings: readonly Reading[], room: Room): string[] {
  const full = barLength(room);
  const shown = choose(readings, room.rows);
  const highest = Math.max(...readings.map(({ rate }) => rate), 1);
  const lines = shown.map(({ vector, rate, total }) => {
    const length = Math.ceil((rate / highest) * full);
    const bar = paint('green', '█'.repeat(length)) + ' '.repeat(full - length);
    const number = String(vector).padStart(5);
    return `${number}  ${bar}  ${`${short(rate)}/s`.padStart(10)}  ${short(total).padStart(8)}`;
  });
  const hidden = readings.length - shown.length;
  return hidden === 0 ? lines : [...lines, `      … and ${hidden} more`];
}

/**
 * Chooses the vectors that fit on the screen: the vectors with the most interrupts. The chosen
 * vectors are sorted by number.
 */
function choose(readings: readonly Reading[], rows: number): readonly Reading[] {
  if (readings.length <= rows) return readings;
  return [...readings]
    .sort((a, b) => b.total - a.total || a.vector - b.vector)
    .slice(0, Math.max(rows - 1, 1))
    .sort((a, b) => a.vector - b.vector);
}

/** Formats the sum of the interrupts of all vectors. */
export function summary(readings: readonly Reading[], room: Room): string {
  const sum = (of: (reading: Reading) => number) => readings.reduce((n, one) => n + of(one), 0);
  const rate = `${short(sum(({ rate: one }) => one))}/s`;
  const total = short(sum(({ total: one }) => one));
  return `total  ${' '.repeat(barLength(room))}  ${rate.padStart(10)}  ${total.padStart(8)}`;
}

/**
 * Draws lines over the previously drawn lines. A resize of the terminal moves lines, so the screen
 * is cleared before lines are drawn again.
 */
export class Screen {
  #lines = 0;
  #room: Room | undefined;

  /** Prints a line that stays above the drawn lines. The next call of `draw` draws below the line. */
  print(line: string): void {
    const up = this.#lines === 0 ? '' : `\u001b[${this.#lines}A\r`;
    process.stdout.write(`${up}\u001b[J${line}\n`);
    this.#lines = 0;
  }

  draw(lines: readonly string[], room: Room): void {
    const before = this.#room ?? room;
    const moved = before.rows !== room.rows || before.columns !== room.columns;
    const up = this.#lines === 0 ? '' : `\u001b[${this.#lines}A\r`;
    const start = moved ? '\u001b[2J\u001b[H' : `${up}\u001b[J`;
    process.stdout.write(`${start}${lines.join('\n')}\n`);
    this.#lines = lines.length;
    this.#room = room;
  }
}
