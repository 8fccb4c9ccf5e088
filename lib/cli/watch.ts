import { setTimeout as sleep } from 'node:timers/promises';
import { VfioError } from '../errors.js';
import type { PciDevice } from '../index.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { parseCount } from './numbers.js';
import { VF_TOKEN } from './token.js';
import { parseChoice, UsageError } from './usage.js';
import { asJson, asLines, onTerminal } from './watch/displays.js';
import { Meter } from './watch/meter.js';
import { Stop } from './watch/stop.js';
import { KINDS, type Watched, watchVectors } from './watch/vectors.js';

/** The longest delay that a timer of Node accepts, rounded down. */
const MAX_SECONDS = 2_000_000;

export const command = defineCommand({
  about: `Enables the interrupts of a device, and shows the rate of each vector as a bar and the
    total rate. The key q or Ctrl-C disables the interrupts and ends the command. Without a
    terminal, one line is printed per interval, and SIGINT or SIGTERM ends the command. If the host
    requests the device back, the device is closed, and the exit code is 1.`,
  operands: { device: { from: 'devices' } },
  options: {
    'vf-token': VF_TOKEN,
    irq: {
      type: 'string',
      value: '<kind>',
      words: KINDS,
      help: 'msix, msi or intx; default: the first kind in this list that the device supports',
    },
    vectors: {
      type: 'string',
      value: '<n>',
      default: '32',
      help: 'number of vectors to enable; default 32, limited by the device and the host',
    },
    interval: {
      type: 'string',
      value: '<s>',
      default: '1',
      help: 'seconds between two readings; default 1',
    },
    json: { type: 'boolean', help: 'prints one JSON object per interval' },
  },
  examples: ['vfio watch 01:00.0 --vectors 4'],
  async run({ options, operands }) {
    const kind = parseChoice('--irq', options.irq, KINDS);
    const wanted = parseCount('--vectors', options.vectors, 2048);
    if (wanted === 0) throw new UsageError('--vectors must be at least 1');
    const interval = parseSeconds('--interval', options.interval);
    await using device = await openDevice(operands.device, options);
    const watched = watchVectors(device, wanted, kind);
    const stop = new Stop();
    const { req } = device.interrupts;
    if (req.count > 0) {
      const { name: path } = device;
      const error = new VfioError({
        code: 'ENODEV',
        message: 'the host requested the device back',
        path,
      });
      req.request().on('interrupt', () => {
        stop.now(error);
      });
    }
    try {
      await show(device, watched, { interval, json: options.json, stop });
    } finally {
      stop.close();
      watched.restore();
    }
    if (stop.error !== undefined) throw stop.error;
    return 0;
  },
});

function parseSeconds(what: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (value > 0 && value <= MAX_SECONDS) return value;
  throw new UsageError(`${what} must be a number of seconds above 0, not '${text}'`);
}

function countInterrupts({ vectors }: Watched): Meter {
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
  { interval, json, stop: { signal } }: Showing,
): Promise<void> {
  const meter = countInterrupts(watched);
  const display = json
    ? asJson(watched.kind, meter)
    : process.stdout.isTTY
      ? onTerminal(device.name, watched, meter)
      : asLines(meter);
  const started = performance.now();
  display.begin();
  for (;;) {
    await sleep(interval * 1000, undefined, { signal }).catch(() => undefined);
    const now = performance.now();
    const readings = meter.read(now);
    const elapsed = (now - started) / 1000;
    if (signal.aborted) {
      display.end(readings, elapsed);
      return;
    }
    display.show(readings, elapsed);
  }
}
