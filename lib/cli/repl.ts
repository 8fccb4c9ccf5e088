import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type REPLServer, start } from 'node:repl';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import * as vfio from '../index.js';
import { onlyOne } from './usage.js';

export const usage = `vfio repl <device>

A Node.js prompt with the device at hand: device, config, dma, interrupts, bar0 to bar5 (mapped when
they are first used) and vfio, the library. History is kept, names are completed by Tab, await
works. Nothing is evaluated before Enter, and to look at bar0 reads no register.

Example: echo 'bar0.read32(0).toString(16)' | vfio repl mock:edu`;

export async function run(argv: string[]): Promise<number> {
  const { positionals } = parseArgs({ args: argv, allowPositionals: true });
  await using device = await vfio.openDevice(onlyOne(positionals));
  const interactive = process.stdin.isTTY;
  if (interactive) console.log(`${device.name} via ${device.via}; .exit or Ctrl-D ends`);
  const repl = start({
    prompt: interactive ? `${device.name}> ` : '',
    useGlobal: false,
    ignoreUndefined: true,
    // A preview would read a register while its name is being typed.
    preview: false,
  });
  provide(repl, device);
  if (interactive) await keepHistory(repl);
  await once(repl, 'exit');
  return 0;
}

function provide({ context }: REPLServer, device: vfio.PciDevice): void {
  const { config, dma, interrupts } = device;
  for (const [name, value] of Object.entries({ vfio, device, config, dma, interrupts })) {
    Object.defineProperty(context, name, { value, enumerable: true });
  }
  for (const { index, mappable } of device.regions) {
    if (index > 5 || !mappable) continue;
    let window: vfio.RegisterWindow | undefined;
    Object.defineProperty(context, `bar${index}`, {
      get: () => (window ??= device.bar(index).map()),
      enumerable: true,
    });
  }
}

/** The XDG base directory of what a program remembers. */
async function keepHistory(repl: REPLServer): Promise<void> {
  const state = process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state');
  const folder = join(state, 'vfio');
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    // A home that cannot be written: no history.
    return;
  }
  await new Promise<void>((resolve) => {
    repl.setupHistory(join(folder, 'repl_history'), () => {
      resolve();
    });
  });
}
