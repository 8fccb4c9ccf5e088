import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { REPLServer } from 'node:repl';
import { PassThrough } from 'node:stream';
import type * as vfio from '../index.js';
import { defineCommand } from './command.js';

export const command = defineCommand({
  about: `A Node.js prompt with the device at hand: device, config, dma, interrupts, bar0 to bar5
    (mapped when they are first used) and vfio, the library. History is kept, names are completed by
    Tab, await works. Nothing is evaluated before Enter, and to look at bar0 reads no register.`,
  operands: { device: { from: 'devices' } },
  options: {},
  examples: ["echo 'bar0.read32(0).toString(16)' | vfio repl mock:edu"],
  async run({ operands }) {
    const library = await import('../index.js');
    const { start } = await import('node:repl');
    await using device = await library.openDevice(operands.device);
    const interactive = process.stdin.isTTY;
    const input = interactive ? process.stdin : new PassThrough();
    if (interactive) console.log(`${device.name} via ${device.via}; .exit or Ctrl-D ends`);
    const repl = start({
      input,
      output: process.stdout,
      prompt: interactive ? `${device.name}> ` : '',
      useGlobal: false,
      ignoreUndefined: true,
      // A preview would read a register while its name is being typed.
      preview: false,
    });
    provide(repl, library, device);
    const ended = once(repl, 'exit');
    if (input instanceof PassThrough) await feed(repl, input);
    else await keepHistory(repl);
    await ended;
    return 0;
  },
});

function provide({ context }: REPLServer, library: typeof vfio, device: vfio.PciDevice): void {
  const { config, dma, interrupts } = device;
  const names = { vfio: library, device, config, dma, interrupts };
  for (const [name, value] of Object.entries(names)) {
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

/** Line by line: a prompt that reads from a pipe does not wait for what it awaits. */
async function feed(repl: REPLServer, input: PassThrough): Promise<void> {
  let answered: () => void = () => undefined;
  repl.displayPrompt = () => {
    answered();
  };
  const ended = new AbortController();
  repl.once('exit', () => {
    ended.abort();
    answered();
  });
  for await (const line of createInterface({ input: process.stdin, signal: ended.signal })) {
    const answer = new Promise<void>((resolve) => (answered = resolve));
    input.write(`${line}\n`);
    await answer;
  }
  input.end();
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
