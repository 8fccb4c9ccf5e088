import { cpus } from 'node:os';
import { VfioError } from '../../../errors.js';
import { checkInteger } from '../../../checks.js';

const CPU_MAX = 65535;

/** CPUs that serve the host interrupts of a device. Default: all online CPUs. */
export class Affinity {
  readonly #chosen = new Map<string, readonly number[]>();
  readonly #hasInterrupt: (index: number, vector: number) => boolean;

  /** @param hasInterrupt - returns whether a vector has a host interrupt at present */
  constructor(hasInterrupt: (index: number, vector: number) => boolean) {
    this.#hasInterrupt = hasInterrupt;
  }

  get(index: number, vector: number): number[] {
    return [...(this.#chosen.get(this.#makeKey(index, vector)) ?? listOnline())];
  }

  set(index: number, vector: number, chosen: readonly number[]): void {
    for (const cpu of chosen) checkInteger(cpu, 'cpu', 0, CPU_MAX);
    const key = this.#makeKey(index, vector);
    const usable = new Set(listOnline());
    if (!chosen.some((cpu) => usable.has(cpu))) {
      throw new VfioError({ code: 'EINVAL', syscall: 'write', path: 'smp_affinity_list' });
    }
    this.#chosen.set(
      key,
      [...new Set(chosen)].sort((a, b) => a - b),
    );
  }

  #makeKey(index: number, vector: number): string {
    if (!this.#hasInterrupt(index, vector)) {
      const message = `vector ${vector} of index ${index} has no host interrupt`;
      const hint = 'A vector has a host interrupt while an eventfd is bound to the vector.';
      throw new VfioError({ code: 'ENOENT', message, hint });
    }
    return `${index} ${vector}`;
  }
}

function listOnline(): number[] {
  return cpus().map((_, cpu) => cpu);
}
