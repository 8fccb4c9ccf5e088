import { openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { VfioError } from '../errors.js';
import { openConnection } from '../index.js';
import { RecordFile } from '../record/index.js';
import { runLine } from '../run/run.js';
import { Session } from '../run/session.js';
import { toJsonLine } from './json.js';
import { choice, UsageError } from './usage.js';

export const usage = `vfio run <device> [script] [options]

Reads one JSON object a line from a file or standard input, does what it says on the device, and
prints one JSON object a line. Nothing is judged: wrong operations reach the kernel as they are.
A record is such a script with the answers: where the device now gives others, the line has the
old one as "recorded", and the command fails. docs/run.md lists the operations.

  <device>               an address such as 0000:01:00.0, or mock:nvme, mock:edu
  --via group|cdev       the way into the kernel
  --mock-kernel <which>  6.1, 6.12 or 7.2: the kernel that is imitated
  --mock-dmabuf on|off   whether that kernel exports dma-bufs
  --record <file>        writes the script with its answers

Example: echo '{"op":"info"}' | vfio run mock:edu`;

const VIAS = ['group', 'cdev'] as const;
const KERNELS = ['6.1', '6.12', '7.2'] as const;
const SWITCH = ['on', 'off'] as const;

/** The device's name with the settings of an imitation. */
function nameWith(name: string, settings: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  if (given.length === 0) return name;
  if (!name.startsWith('mock:')) throw new UsageError(`'${name}' is not imitated`);
  const text = given.map(([key, value]) => `${key}=${String(value)}`).join('&');
  return `${name}${name.includes('?') ? '&' : '?'}${text}`;
}

async function openScript(path: string): Promise<Readable> {
  try {
    return (await open(path)).createReadStream();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall: 'open', path, cause });
  }
}

function openRecord(path: string): RecordFile {
  try {
    return new RecordFile(openSync(path, 'w'));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall: 'open', path, cause });
  }
}

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      via: { type: 'string' },
      'mock-kernel': { type: 'string' },
      'mock-dmabuf': { type: 'string' },
      record: { type: 'string' },
    },
    allowPositionals: true,
  });
  const [device, script, ...rest] = positionals;
  if (device === undefined) throw new UsageError('give a device');
  if (rest.length > 0) throw new UsageError('one script at most');
  const via = choice('--via', values.via, VIAS);
  const name = nameWith(device, {
    kernel: choice('--mock-kernel', values['mock-kernel'], KERNELS),
    dmabuf: choice('--mock-dmabuf', values['mock-dmabuf'], SWITCH),
  });

  const input = script === undefined ? process.stdin : await openScript(script);
  const record = values.record === undefined ? null : openRecord(values.record);
  const session = new Session(await openConnection(name, { via }));
  let lines = 0;
  let different = 0;
  try {
    for await (const line of createInterface({ input })) {
      if (line.trim() === '') continue;
      const reply = await runLine(session, line);
      console.log(toJsonLine(reply));
      lines++;
      if ('recorded' in reply) different++;
      record?.add(line, reply);
    }
  } finally {
    session.close();
  }
  if (different === 0) return 0;
  console.error(`vfio: ${different} of ${lines} answers are not as recorded`);
  return 1;
}
