import { cpus } from 'node:os';
import { VfioError } from '../../../errors.js';
import { checkInteger } from '../../../checks.js';

const CPU_MAX = 65535;

/** CPUs that serve the host interrupts of a device: all, until somebody says otherwise. */
export class Affinity {
  readonly #chosen = new Map<string, readonly number[]>();
  readonly #serves: (index: number, vector: number) => boolean;

  /** @param serves - whether a vector has a host interrupt now */
  constructor(serves: (index: number, vector: number) => boolean) {
    this.#serves = serves;
  }

  get(index: number, vector: number): number[] {
    return [...(this.#chosen.get(this.#key(index, vector)) ?? online())];
  }

  set(index: number, vector: number, chosen: readonly number[]): void {
    if (chosen.length === 0) throw new RangeError('cpus must name at least one CPU');
    for (const cpu of chosen) checkInteger(cpu, 'cpu', 0, CPU_MAX);
    const key = this.#key(index, vector);
    const usable = new Set(online());
    if (!chosen.some((cpu) => usable.has(cpu))) {
      throw new VfioError({ code: 'EINVAL', syscall: 'write', path: 'smp_affinity_list' });
    }
    this.#chosen.set(
      key,
      [...new Set(chosen)].sort((a, b) => a - b),
    );
  }

  #key(index: number, vector: number): string {
    if (!this.#serves(index, vector)) {
      const message = `no host interrupt for vector ${vector} of index ${index}`;
      throw new VfioError({ code: 'ENOENT', message });
    }
    return `${index} ${vector}`;
  }
}

function online(): number[] {
  return cpus().map((_, cpu) => cpu);
}
