import { setTimeout as sleep } from 'node:timers/promises';
import { VfioError } from '../errors.js';
import type { PciDevice, Width } from '../index.js';
import { parseOffset, parseWidth, PLACE, WIDTH } from './access.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { parseCount } from './numbers.js';
import { findRegisters, isRegisterName } from './named-access.js';
import { loadRegisters, REGISTERS } from './register-file.js';
import { findRegion } from './regions.js';
import { VF_TOKEN } from './token.js';
import { parseChoice, UsageError } from './usage.js';
import { asJson, asLines, onTerminal } from './watch/displays.js';
import { Meter } from './watch/meter.js';
import { registerAsJson, registerAsLines, registerOnTerminal } from './watch/register-displays.js';
import { RegisterWatch } from './watch/register.js';
import { Stop } from './watch/stop.js';
import { KINDS, type Watched, watchVectors } from './watch/vectors.js';

/** The longest delay that a timer of Node accepts, rounded down. */
const MAX_SECONDS = 2_000_000;

export const command = defineCommand({
  about: `Watches interrupts, or a register. Without a region, the command enables the interrupts of
    the device, and shows the rate of each vector as a bar and the total rate. Without a terminal,
    one line is printed per interval. With a region and an offset, the command reads the register
    repeatedly, each time by one access, and prints each change with its time. On a terminal, keys
    write a value, and change the interval and the width. The key q or Ctrl-C ends the command, and
    without a terminal SIGINT or SIGTERM. If the host requests the device back, the device is closed,
    and the exit code is 1.`,
  operands: {
    device: PLACE.device,
    region: { ...PLACE.region, optional: true },
    offset: { ...PLACE.offset, optional: true },
  },
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
      help: 'number of vectors to enable; default 32, limited by the device and the host',
    },
    interval: {
      type: 'string',
      value: '<s>',
      help: 'seconds between two readings; default 1, for a register 0.1',
    },
    width: WIDTH,
    registers: REGISTERS,
    json: {
      type: 'boolean',
      help: 'prints one JSON object per interval, or per change of the register',
    },
  },
  examples: ['vfio watch 01:00.0 --vectors 4', 'vfio watch 01:00.0 bar0 0x1c'],
  async run({ options, operands }) {
    const { region } = operands;
    return region === undefined
      ? watchInterrupts(operands.device, options)
      : watchRegister({ ...operands, region }, options);
  },
});

interface Options {
  readonly 'vf-token': string | undefined;
  readonly irq: string | undefined;
  readonly vectors: string | undefined;
  readonly interval: string | undefined;
  readonly width: string | undefined;
  readonly registers: string | undefined;
  readonly json: boolean;
}

async function watchInterrupts(name: string, options: Options): Promise<number> {
  for (const name of ['width', 'registers'] as const) {
    if (options[name] !== undefined) {
      throw new UsageError(`--${name} needs a region and an offset`);
    }
  }
  const kind = parseChoice('--irq', options.irq, KINDS);
  const wanted = parseCount('--vectors', options.vectors ?? '32', 2048);
  if (wanted === 0) throw new UsageError('--vectors must be at least 1');
  const interval = parseSeconds('--interval', options.interval ?? '1');
  await using device = await openDevice(name, options);
  const watched = watchVectors(device, wanted, kind);
  const stop = new Stop();
  stopOnRequest(device, stop);
  try {
    await show(device, watched, { interval, json: options.json, stop });
  } finally {
    stop.close();
    watched.restore();
  }
  return endOf(stop);
}

async function watchRegister(
  place: { readonly device: string; readonly region: string; readonly offset: string | undefined },
  options: Options,
): Promise<number> {
  for (const name of ['irq', 'vectors'] as const) {
    if (options[name] !== undefined) throw new UsageError(`--${name} does not concern a register`);
  }
  const { region: text, offset, width } = await findRegister(place, options);
  const interval = parseSeconds('--interval', options.interval ?? '0.1');
  await using device = await openDevice(place.device, options);
  const region = findRegion(device, text);
  const names = await loadRegisters(options.registers);
  using watch = new RegisterWatch({ region, offset, width, interval, names });
  const { display, press } =
    !options.json && process.stdout.isTTY
      ? registerOnTerminal(device.name, watch)
      : { display: (options.json ? registerAsJson : registerAsLines)(watch) };
  const stop = new Stop(press);
  stopOnRequest(device, stop);
  try {
    await watch.run(display, stop.signal);
  } finally {
    stop.close();
  }
  return endOf(stop);
}

/** Finds the place and the width of a register that has a name, or a region and an offset. */
async function findRegister(
  { region, offset }: { readonly region: string; readonly offset: string | undefined },
  options: Options,
): Promise<{ region: string; offset: number; width: Width }> {
  if (!isRegisterName(region)) {
    if (offset === undefined) throw new UsageError('give <device> <region> <offset>');
    return { region, offset: parseOffset(offset), width: parseWidth(options.width) };
  }
  if (offset !== undefined) throw new UsageError(`'${region}' has no offset`);
  if (options.width !== undefined) throw new UsageError(`'${region}' has no --width`);
  const [register, ...others] = await findRegisters(region, options.registers);
  if (register === undefined || others.length > 0) {
    throw new UsageError(
      `'${region}' means ${others.length + 1} registers: give one, as ${region}[0]`,
    );
  }
  const { access, width, split } = register.layout;
  if (access === 'wo' || split) {
    const reason = split ? 'is read as two halves' : 'is write-only';
    throw new UsageError(`register ${register.name} ${reason}, so it cannot be watched`);
  }
  return { region: register.region, offset: register.offset, width };
}

/** Ends the watch when the host requests the device back. */
function stopOnRequest({ name: path, interrupts: { req } }: PciDevice, stop: Stop): void {
  if (req.count === 0) return;
  const error = new VfioError({
    code: 'ENODEV',
    message: 'the host requested the device back',
    path,
  });
  req.request().on('interrupt', () => {
    stop.now(error);
  });
}

function endOf({ error }: Stop): number {
  if (error !== undefined) throw error;
  return 0;
}

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
