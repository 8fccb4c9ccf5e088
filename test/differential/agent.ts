// The guest's side: opens a device for each script that comes as a line, and answers with a line.
// Scripts on different devices run side by side.
import { release } from 'node:os';
import { createInterface } from 'node:readline';
import { openConnection } from 'vfio';
import { runScript, type Answer, type Op } from './script.js';

/** What the host asks for. */
export interface Request {
  readonly id: number;
  /** What follows `VFIO_LAB_` in the variable that holds the device's address. */
  readonly device: string;
  readonly script: readonly Op[];
}

export interface Response {
  readonly id: number;
  readonly answers: readonly Answer[];
}

/** The first line, when the guest is ready. */
export interface Hello {
  /** Of the guest's kernel, as uname(1) tells it. */
  readonly release: string;
}

function say(message: Hello | Response): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function answer({ id, device, script }: Request): Promise<void> {
  const address = process.env[`VFIO_LAB_${device}`] ?? device;
  say({ id, answers: await runScript(await openConnection(address), script) });
}

say({ release: release() });
for await (const line of createInterface({ input: process.stdin })) {
  void answer(JSON.parse(line) as Request);
}
