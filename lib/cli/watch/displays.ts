import { toJsonLine } from '../json.js';
import { paint } from '../terminal.js';
import type { Meter, Reading } from './meter.js';
import type { Watched } from './vectors.js';
import { chart, type Room, Screen, short, summary } from './view.js';

/** Heading, total and help of the screen, and a line for the shell. */
const OTHER_ROWS = 5;

/** How readings are shown. */
export interface Display {
  /** Nothing was counted yet. */
  begin(): void;
  /** An interval is over. */
  show(readings: readonly Reading[], seconds: number): void;
  /** It was told to stop, somewhere within an interval. */
  end(readings: readonly Reading[], seconds: number): void;
}

/** A JSON object an interval. */
export function asJson(kind: string, meter: Meter): Display {
  const show = (readings: readonly Reading[], seconds: number) => {
    const vectors = readings.filter(({ total }) => total > 0);
    console.log(toJsonLine({ seconds, kind, total: meter.total, vectors }));
  };
  return { begin: () => undefined, show, end: show };
}

/** A line an interval. */
export function asLines(meter: Meter): Display {
  const show = (readings: readonly Reading[], seconds: number) => {
    const busy = readings.filter(({ rate }) => rate > 0);
    const rates = busy.map(({ vector, rate }) => `${vector}: ${short(rate)}/s`).join('  ');
    console.log(`${seconds.toFixed(1)} s  ${short(meter.total)} in all  ${rates}`.trimEnd());
  };
  return { begin: () => undefined, show, end: show };
}

/** A screen that is drawn over and over; at the end the mean rates stay on it. */
export function onTerminal(
  name: string,
  { kind, vectors, missing }: Watched,
  meter: Meter,
): Display {
  const count = `${vectors.length} vector${vectors.length === 1 ? '' : 's'}`;
  const lacking = missing === 0 ? '' : ` (the host lacks ${missing} more)`;
  const heading = `${name} ${kind}, ${count}${lacking}`;
  const screen = new Screen();
  const draw = (readings: readonly Reading[], seconds: number, help: string) => {
    // A serial line does not know its size and says 0.
    const { rows, columns } = process.stdout;
    const room: Room = { rows: rows || 24, columns: columns || 80 };
    screen.draw(
      [
        `${paint('bold', heading)}  ${seconds.toFixed(1)} s`,
        ...chart(readings, { ...room, rows: room.rows - OTHER_ROWS }),
        summary(readings, room),
        paint('dim', help),
      ],
      room,
    );
  };
  return {
    begin() {
      draw(meter.mean(0), 0, 'q quits');
    },
    show(readings, seconds) {
      draw(readings, seconds, 'q quits');
    },
    end(_, seconds) {
      draw(meter.mean(seconds), seconds, 'mean rates');
    },
  };
}
