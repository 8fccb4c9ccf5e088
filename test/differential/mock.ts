import { openConnection } from 'vfio/mock';
import { runScript, type Answer, type Op } from './script.js';
import type { Target } from './targets.js';

/** Kernels the mock imitates. */
export const PROFILES: readonly string[] = ['7.2'];

/** Runs a script on the imitation of a device, behind the prologue. */
export async function runOnMock({ mock, prologue }: Target, script: readonly Op[]) {
  const answers: Answer[] = await runScript(await openConnection(mock), [...prologue, ...script]);
  return answers.slice(prologue.length);
}
