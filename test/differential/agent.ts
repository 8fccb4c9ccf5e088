// The guest's side: opens a device for each script that comes as a line, and answers with a line.
import { release } from 'node:os';
import { createInterface } from 'node:readline';
import { openConnection } from 'vfio';
import { runScript, type Op } from './script.js';

/** What the host asks for. */
export interface Request {
  /** Short name of the device in the lab. */
  readonly device: string;
  readonly script: readonly Op[];
}

/** The first line, when the guest is ready. */
export interface Hello {
  /** Of the guest's kernel, as uname(1) tells it. */
  readonly release: string;
}

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

say({ release: release() } satisfies Hello);
for await (const line of createInterface({ input: process.stdin })) {
  const { device, script } = JSON.parse(line) as Request;
  const address = process.env[`VFIO_LAB_${device.toUpperCase()}`] ?? device;
  say(await runScript(await openConnection(address), script));
}
