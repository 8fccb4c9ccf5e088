import { checkArray, checkInteger } from '../checks.js';

const S32_MAX = 2 ** 31 - 1;

/** Checks a list of CPUs. */
export function checkCpus(cpus: unknown): asserts cpus is readonly number[] {
  checkArray(cpus, 'cpus');
  if (cpus.length === 0) throw new RangeError('cpus must name at least one CPU');
  for (const cpu of cpus) checkInteger(cpu, 'cpu', 0, S32_MAX);
}
