import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openDevice, type PciDevice } from '../index.js';
import { toJsonLine } from './json.js';
import { parseCount } from './numbers.js';
import { paint } from './terminal.js';
import { onlyOne, UsageError } from './usage.js';
import { Meter } from './watch/meter.js';
import { Stop } from './watch/stop.js';
import { type Kind, KINDS, type Watched, watchVectors } from './watch/vectors.js';
import { chart, Screen, short, summary } from './watch/view.js';

export const usage = `vfio watch <device> [options]

Enables the interrupts of a device and shows them as they come: the rate of each vector with a bar,
and the total. q or Ctrl-C ends it; interrupts are disabled again then. Without a terminal it prints
a line an interval. A device that nobody drives sends few: --trigger sends some by the kernel.

  --irq <kind>      msix, msi or intx; default: the first of these that the device has
  --vectors <n>     how many to enable; default 32, or as many as the device and the host have
  --interval <s>    seconds between two readings; default 1
  --for <s>         ends after so many seconds
  --trigger <n>     signals each vector so many times a second, as if the device had (loopback)
  --json            a JSON object a line and interval

Example: vfio watch mock:nvme --trigger 100 --for 3`;

const DEFAULT_VECTORS = '32';
/** Heading, total and help of the screen, and a line for the shell. */
const OTHER_ROWS = 5;

function seconds(what: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new UsageError(`${what} takes seconds above 0, not '${text}'`);
}

function kindOf(text: string | undefined): Kind | undefined {
  const kind = KINDS.find((one) => one === text);
  if (kind !== undefined || text === undefined) return kind;
  throw new UsageError(`--irq is ${KINDS.join(', ')}, not '${text}'`);
}

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      irq: { type: 'string' },
      vectors: { type: 'string', default: DEFAULT_VECTORS },
      interval: { type: 'string', default: '1' },
      for: { type: 'string' },
      trigger: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const name = onlyOne(positionals);
  const kind = kindOf(values.irq);
  const wanted = parseCount('--vectors', values.vectors, 2048);
  if (wanted === 0) throw new UsageError('--vectors is at least 1');
  const interval = seconds('--interval', values.interval);
  const duration = values.for === undefined ? undefined : seconds('--for', values.for);
  const rate = values.trigger === undefined ? undefined : seconds('--trigger', values.trigger);

  await using device = await openDevice(name);
  const watched = watchVectors(device, wanted, kind);
  const stop = new Stop(duration);
  try {
    const meter = count(watched);
    const trigger = rate === undefined ? undefined : startTrigger(watched, rate);
    await show(device, watched, meter, { interval, json: values.json, stop });
    clearInterval(trigger);
  } finally {
    stop.close();
    watched.restore();
  }
  return 0;
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

const TICK = 20;

/** Timers are coarse: several at once where the rate is high. */
function startTrigger({ vectors }: Watched, rate: number): NodeJS.Timeout {
  const started = performance.now();
  let sent = 0;
  return setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1000) * rate);
    for (; sent < due; sent++) for (const vector of vectors) vector.trigger();
  }, TICK);
}

interface Showing {
  readonly interval: number;
  readonly json: boolean;
  readonly stop: Stop;
}

async function show(
  device: PciDevice,
  { kind, vectors, missing }: Watched,
  meter: Meter,
  { interval, json, stop }: Showing,
): Promise<void> {
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
