import { openConnection, type Via } from 'vfio/mock';
import { runScript, type Answer, type Op } from './script.js';
import type { Target } from './targets.js';

/** The kernel version and the interface that the mock emulates. */
export interface Profile {
  /** Version, `'6.12'`. */
  readonly kernel: string;
  readonly via: Via;
}

/** Versions of the kernel that the mock emulates. */
export const KERNELS: readonly string[] = ['6.1', '6.12', '7.2', '7.3'];

let devices = 0;

/** Runs the prologue of a target and then a script on the mock device of the target. */
export async function runOnMock(
  { mock, prologue }: Target,
  { kernel, via }: Profile,
  script: readonly Op[],
): Promise<Answer[]> {
  // Each script gets a mock device with a unique name, because other scripts run at the same time.
  const name = `${mock}#${++devices}?kernel=${kernel}`;
  const answers = await runScript(() => openConnection(name, { via }), [...prologue, ...script]);
  return answers.slice(prologue.length);
}
