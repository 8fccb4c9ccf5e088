// This program runs in the guest. Each line of standard input is a script for a device. Each line
// of standard output contains the answers to one script. Scripts on different devices run in
// parallel.
import { release } from 'node:os';
import { createInterface } from 'node:readline';
import { openConnection } from 'vfio';
import { runScript, type Answer, type Op } from './script.js';

/** A script that the host sends. */
export interface Request {
  readonly id: number;
  /** Suffix of the variable with the device's address: `NVME` for `VFIO_LAB_NVME`. */
  readonly device: string;
  readonly script: readonly Op[];
}

/** The answers to a script. */
export interface Response {
  readonly id: number;
  readonly answers: readonly Answer[];
}

/** The first line, sent when the guest is ready. */
export interface Hello {
  /** Full version of the guest's kernel: the output of `uname -r`. */
  readonly release: string;
}

function send(message: Hello | Response): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function runRequest({ id, device, script }: Request): Promise<void> {
  const address = process.env[`VFIO_LAB_${device}`] ?? device;
  send({ id, answers: await runScript(() => openConnection(address), script) });
}

send({ release: release() });
for await (const line of createInterface({ input: process.stdin })) {
  void runRequest(JSON.parse(line) as Request);
}
