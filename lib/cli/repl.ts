import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { REPLServer } from 'node:repl';
import { PassThrough } from 'node:stream';
import type * as vfio from '../index.js';
import { printable } from '../printable.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { loadRegisters, REGISTERS } from './register-file.js';
import { helpers } from './repl/helpers.js';
import { formatResult } from './repl/writer.js';
import { VF_TOKEN } from './token.js';

export const command = defineCommand({
  about: `Starts a Node.js prompt with an open device. The prompt defines the variables device,
    config, dma, interrupts, bar0 to bar5 (mapped on first use) and vfio (the library), and the
    functions dump and watch. The word help prints what the prompt defines. Integers above 9 are
    shown in hex. Tab completes names, the history is saved, and await can be used. Input is
    evaluated only after Enter. Printing bar0 reads no register.`,
  operands: { device: { from: 'devices' } },
  options: { registers: REGISTERS, 'vf-token': VF_TOKEN },
  examples: ["echo 'bar0.read32(0)' | vfio repl mock:edu"],
  async run({ options, operands }) {
    const names = await loadRegisters(options.registers);
    const library = await import('../index.js');
    const { start } = await import('node:repl');
    await using device = await openDevice(operands.device, options);
    const interactive = process.stdin.isTTY;
    const input = interactive ? process.stdin : new PassThrough();
    const name = printable(device.name);
    if (interactive) console.log(`${name} via ${device.via}; .exit or Ctrl-D ends the prompt`);
    const repl = start({
      input,
      output: process.stdout,
      prompt: interactive ? `${name}> ` : '',
      useGlobal: false,
      ignoreUndefined: true,
      // A preview would evaluate an incomplete line and would read device registers while the user
      // types.
      preview: false,
      writer: (value: unknown) => formatResult(value, repl.useColors),
    });
    provide(repl, library, device);
    Object.assign(repl.context, consoleOf(repl, library));
    if (names !== null) {
      const { replRegisters } = await import('./repl-registers.js');
      const windowOf = (region: string) => repl.context[region] as vfio.RegisterWindow | undefined;
      repl.context.regs = await replRegisters(names, windowOf);
    }
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

/** Returns the functions of the prompt. Ctrl-C ends `watch()`, and does not end the prompt. */
function consoleOf(repl: REPLServer, { hexdump }: typeof vfio): object {
  return helpers(hexdump, console.log, (stop) => {
    repl.on('SIGINT', stop);
    return () => repl.off('SIGINT', stop);
  });
}

/**
 * Passes lines to the prompt one by one. Node's prompt does not wait for an `await` in a line
 * before it reads the next line from a pipe.
 */
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

/** Saves the history in the XDG base directory for state. */
async function keepHistory(repl: REPLServer): Promise<void> {
  const state = process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state');
  const folder = join(state, 'vfio');
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    // Without a writable home directory, the history is not saved.
    return;
  }
  await new Promise<void>((resolve) => {
    repl.setupHistory(join(folder, 'repl_history'), () => {
      resolve();
    });
  });
}
