import { toJsonLine } from '../json.js';
import { paint } from '../terminal.js';
import type { Meter, Reading } from './meter.js';
import type { Watched } from './vectors.js';
import { chart, Screen, short, summary, terminalRoom } from './view.js';

/**
 * Number of screen rows that show no vector: the heading, the total, the help and the shell prompt.
 */
const OTHER_ROWS = 5;

/** Shows readings. */
export interface Display {
  /** Shows the initial output, before the first interval. */
  begin(): void;
  /** Shows the readings of an interval. */
  show(readings: readonly Reading[], seconds: number): void;
  /** Shows the readings of the last interval, which may be shorter. */
  end(readings: readonly Reading[], seconds: number): void;
}

/** Prints one JSON object for each interval. */
export function asJson(kind: string, meter: Meter): Display {
  const show = (readings: readonly Reading[], seconds: number) => {
    const vectors = readings.filter(({ total }) => total > 0);
    console.log(toJsonLine({ seconds, kind, total: meter.total, vectors }));
  };
  return { begin: () => undefined, show, end: show };
}

/** Prints one line for each interval. */
export function asLines(meter: Meter): Display {
  const show = (readings: readonly Reading[], seconds: number) => {
    const busy = readings.filter(({ rate }) => rate > 0);
    const rates = busy.map(({ vector, rate }) => `${vector}: ${short(rate)}/s`).join('  ');
    console.log(`${seconds.toFixed(1)} s  ${short(meter.total)} in total  ${rates}`.trimEnd());
  };
  return { begin: () => undefined, show, end: show };
}

/** Redraws the screen at each interval. At the end, the screen shows the mean rates. */
export function onTerminal(
  name: string,
  { kind, vectors, missing }: Watched,
  meter: Meter,
): Display {
  const count = `${vectors.length} vector${vectors.length === 1 ? '' : 's'}`;
  const lacking = missing === 0 ? '' : ` (the host cannot allocate ${missing} more)`;
  const heading = `${name} ${kind}, ${count}${lacking}`;
  const screen = new Screen();
  const draw = (readings: readonly Reading[], seconds: number, help: string) => {
    const room = terminalRoom();
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
