import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { VfioError } from '../errors.js';
import { openConnection } from '../index.js';
import { takeSnapshot, writeSnapshot } from '../snapshot/index.js';
import { choice, UsageError } from './usage.js';

export const usage = `vfio snapshot <device> [file] [options]

Writes what a device is as readable JSON: configuration space, capabilities, regions, interrupts,
features and what it can reach by DMA. Without a file it is printed. Programs open the file as
mock:<file>. Registers are not read, since that can have effects, but where they are asked for.

  <device>          an address such as 0000:01:00.0, or mock:nvme
  --bar <index>     adds the contents of a BAR, each dword read once; repeatable
  --via group|cdev  the way into the kernel

Example: vfio snapshot 0000:01:00.0 card.json`;

function barIndex(text: string): number {
  if (!/^[0-5]$/.test(text)) throw new UsageError(`--bar is 0 to 5, not '${text}'`);
  return Number(text);
}

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { bar: { type: 'string', multiple: true, default: [] }, via: { type: 'string' } },
    allowPositionals: true,
  });
  const [name, file, ...rest] = positionals;
  if (name === undefined) throw new UsageError('give a device');
  if (rest.length > 0) throw new UsageError('one file at most');
  const via = choice('--via', values.via, ['group', 'cdev'] as const);
  const bars = values.bar.map(barIndex);

  const connection = await openConnection(name, { via });
  let text: string;
  try {
    text = writeSnapshot(takeSnapshot(connection, bars));
  } finally {
    connection.close();
  }
  if (file === undefined) process.stdout.write(text);
  else await write(file, text);
  return 0;
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall, path, cause });
  }
}
