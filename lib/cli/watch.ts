import { setTimeout as sleep } from 'node:timers/promises';
import type { PciDevice } from '../index.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJsonLine } from './json.js';
import { parseCount } from './numbers.js';
import { paint } from './terminal.js';
import { choice, UsageError } from './usage.js';
import { Meter } from './watch/meter.js';
import { Stop } from './watch/stop.js';
import { KINDS, type Watched, watchVectors } from './watch/vectors.js';
import { chart, Screen, short, summary } from './watch/view.js';

/** Heading, total and help of the screen, and a line for the shell. */
const OTHER_ROWS = 5;
/** What a timer of Node can wait for. */
const MAX_SECONDS = 2_000_000;

export const command = defineCommand({
  about: `Enables the interrupts of a device and shows them as they come: the rate of each vector with
    a bar, and the total. q or Ctrl-C ends it; interrupts are disabled again then. Without a terminal
    it prints a line an interval, and SIGINT or SIGTERM ends it.`,
  operands: { device: { from: 'devices' } },
  options: {
    irq: {
      type: 'string',
      value: '<kind>',
      words: KINDS,
      help: 'msix, msi or intx; default: the first of these that the device has',
    },
    vectors: {
      type: 'string',
      value: '<n>',
      default: '32',
      help: 'how many to enable; default 32, or as many as the device and the host have',
    },
    interval: {
      type: 'string',
      value: '<s>',
      default: '1',
      help: 'seconds between two readings; default 1',
    },
    json: { type: 'boolean', help: 'a JSON object a line and interval' },
  },
  examples: ['vfio watch 01:00.0 --vectors 4'],
  async run({ options, operands }) {
    const kind = choice('--irq', options.irq, KINDS);
    const wanted = parseCount('--vectors', options.vectors, 2048);
    if (wanted === 0) throw new UsageError('--vectors is at least 1');
    const interval = seconds('--interval', options.interval);
    await using device = await openDevice(operands.device);
    const watched = watchVectors(device, wanted, kind);
    const stop = new Stop();
    try {
      await show(device, watched, { interval, json: options.json, stop });
    } finally {
      stop.close();
      watched.restore();
    }
    return 0;
  },
});

function seconds(what: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (value > 0 && value <= MAX_SECONDS) return value;
  throw new UsageError(`${what} takes seconds above 0, not '${text}'`);
}

function count({ vectors }: Watched): Meter {
  const meter = new Meter(vectors.length, performance.now());
  vectors.forEach((vector, index) => {
    vector.on('interrupt', (interrupts) => {
      meter.add(index, interrupts);
    });
  });
  return meter;
}

interface Showing {
  readonly interval: number;
  readonly json: boolean;
  readonly stop: Stop;
}

async function show(
  device: PciDevice,
  watched: Watched,
  { interval, json, stop }: Showing,
): Promise<void> {
  const { kind, vectors, missing } = watched;
  const meter = count(watched);
  const lacking = missing === 0 ? '' : ` (the host lacks ${missing} more)`;
  const heading = `${device.name} ${kind}, ${vectors.length} vectors${lacking}`;
  const live = process.stdout.isTTY && !json;
  const screen = new Screen();
  const started = performance.now();
  while (!stop.signal.aborted) {
    await sleep(interval * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
    const readings = meter.read(performance.now());
    const elapsed = (performance.now() - started) / 1000;
    if (json) {
      const vectorsRead = readings.filter(({ total }) => total > 0);
      console.log(toJsonLine({ seconds: elapsed, kind, total: meter.total, vectors: vectorsRead }));
    } else if (live) {
      screen.draw([
        `${paint('bold', heading)}  ${elapsed.toFixed(0)} s`,
        ...chart(readings, process.stdout.rows - OTHER_ROWS),
        summary(readings),
        paint('dim', 'q quits'),
      ]);
    } else {
      const busy = readings.filter(({ rate }) => rate > 0);
      const rates = busy.map(({ vector, rate }) => `${vector}: ${short(rate)}/s`).join('  ');
      console.log(`${elapsed.toFixed(1)} s  ${short(meter.total)} in all  ${rates}`.trimEnd());
    }
  }
}
