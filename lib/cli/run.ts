import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { VfioError } from '../errors.js';
import { openConnection, type Via } from '../index.js';
import { runLine } from '../run/run.js';
import { Session } from '../run/session.js';
import { toJsonLine } from './json.js';
import { UsageError } from './usage.js';

export const summary = 'send raw operations to a device, as JSON lines';

export const usage = `vfio run <device> [script] [--via group|cdev]

Reads one JSON object a line from a file or standard input, does what it says on the device, and
prints one JSON object a line. Nothing is judged: wrong operations reach the kernel as they are.
docs/run.md lists the operations.

  <device>   an address such as 0000:01:00.0, or mock:nvme, mock:edu
  --via      group or cdev

Example: echo '{"op":"info"}' | vfio run mock:edu`;

function viaOf(value: string | undefined): Via | undefined {
  if (value === undefined || value === 'group' || value === 'cdev') return value;
  throw new UsageError(`--via is group or cdev, not '${value}'`);
}

async function openScript(path: string): Promise<Readable> {
  try {
    return (await open(path)).createReadStream();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall: 'open', path, cause });
  }
}

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { via: { type: 'string' } },
    allowPositionals: true,
  });
  const [name, script, ...rest] = positionals;
  if (name === undefined) throw new UsageError('give a device');
  if (rest.length > 0) throw new UsageError('one script at most');

  const input = script === undefined ? process.stdin : await openScript(script);
  const session = new Session(await openConnection(name, { via: viaOf(values.via) }));
  try {
    for await (const line of createInterface({ input })) {
      if (line.trim() === '') continue;
      console.log(toJsonLine(await runLine(session, line)));
    }
  } finally {
    session.close();
  }
  return 0;
}
