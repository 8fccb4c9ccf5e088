import { openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { VfioError } from '../errors.js';
import type { RecordFile } from '../observe/record/index.js';
import { defineCommand } from './command.js';
import { isMockName } from '../contract/names.js';
import { openConnection } from './devices.js';
import { toJsonLine } from './json.js';
import { readerGone } from './output.js';
import { choice, UsageError } from './usage.js';

const VIAS = ['group', 'cdev'] as const;
const KERNELS = ['6.1', '6.12', '7.2'] as const;
const SWITCH = ['on', 'off'] as const;

export const command = defineCommand({
  about: `Reads one JSON object a line from a file or standard input, does what it says on the device,
    and prints one JSON object a line. Nothing is judged: wrong operations reach the kernel as they
    are. A record is such a script with the answers: where the device now gives others, the line has
    the old one as "recorded", and the command fails. docs/run.md lists the operations.`,
  operands: {
    device: { from: 'devices', help: 'an address such as 0000:01:00.0, or mock:nvme, mock:edu' },
    script: { from: 'files', optional: true },
  },
  options: {
    via: { type: 'string', value: 'group|cdev', words: VIAS, help: 'the way into the kernel' },
    'mock-kernel': {
      type: 'string',
      value: '<which>',
      words: KERNELS,
      help: '6.1, 6.12 or 7.2: the kernel that is imitated',
    },
    'mock-dmabuf': {
      type: 'string',
      value: 'on|off',
      words: SWITCH,
      help: 'whether that kernel exports dma-bufs',
    },
    record: {
      type: 'string',
      value: '<file>',
      from: 'files',
      help: 'writes the script with its answers',
    },
  },
  examples: [`echo '{"op":"info"}' | vfio run mock:edu`],
  async run({ options, operands: { device, script } }) {
    const via = choice('--via', options.via, VIAS);
    const name = nameWith(device, {
      kernel: choice('--mock-kernel', options['mock-kernel'], KERNELS),
      dmabuf: choice('--mock-dmabuf', options['mock-dmabuf'], SWITCH),
    });
    if (script !== undefined && options.record !== undefined) {
      const same = resolve(script) === resolve(options.record);
      if (same) throw new UsageError('--record would write over the script');
    }
    const { runLine } = await import('../run/run.js');
    const { Session } = await import('../run/session.js');
    const input = script === undefined ? process.stdin : await openScript(script);
    const record = options.record === undefined ? null : await openRecord(options.record);
    const session = new Session(await openConnection(name, { via }));
    let lines = 0;
    let different = 0;
    try {
      for await (const line of createInterface({ input, signal: readerGone })) {
        if (line.trim() === '') continue;
        const reply = await runLine(session, line);
        console.log(toJsonLine(reply));
        lines++;
        if ('recorded' in reply) different++;
        record?.writeScriptLine(line, reply);
      }
    } finally {
      session.close();
    }
    if (different === 0) return 0;
    console.error(`vfio: ${different} of ${lines} answers are not as recorded`);
    return 1;
  },
});

/** The device's name with the settings of an imitation. */
function nameWith(name: string, settings: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  if (given.length === 0) return name;
  if (!isMockName(name)) throw new UsageError(`'${name}' is not a mock device`);
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

async function openRecord(path: string): Promise<RecordFile> {
  const { RecordFile } = await import('../observe/record/index.js');
  try {
    return new RecordFile(openSync(path, 'w'));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall: 'open', path, cause });
  }
}
