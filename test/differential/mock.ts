import { openConnection, type Via } from 'vfio/mock';
import { runScript, type Answer, type Op } from './script.js';
import type { Target } from './targets.js';

/** A kernel as it is imitated. */
export interface Profile {
  /** `'6.12'` */
  readonly kernel: string;
  readonly via: Via;
}

/** Kernels the mock imitates. */
export const KERNELS: readonly string[] = ['6.1', '6.12', '7.2'];

let devices = 0;

/** Runs a script on the imitation of a device, behind the prologue. */
export async function runOnMock(
  { mock, prologue }: Target,
  { kernel, via }: Profile,
  script: readonly Op[],
): Promise<Answer[]> {
  // One that nobody has: others run at the same time.
  const name = `${mock}#${++devices}?kernel=${kernel}`;
  const answers = await runScript(await openConnection(name, { via }), [...prologue, ...script]);
  return answers.slice(prologue.length);
}
