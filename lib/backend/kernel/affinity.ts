import { readFileSync, writeFileSync } from 'node:fs';
import { VfioError } from '../../errors.js';
import {
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../../contract/uapi.js';
import { checkInteger } from '../../checks.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';

const CPU_MAX = 65535;

/** The host interrupts behind the vectors of a device, and the CPUs that serve them. */
export class HostInterrupts {
  readonly #kernel: Kernel;
  readonly #name: string;
  /** Numbers of interrupts by the names of their handlers, as seen last. */
  readonly #numbers = new Map<string, string>();

  constructor(kernel: Kernel, name: string) {
    this.#kernel = kernel;
    this.#name = name;
  }

  /** The CPUs that may serve it: /proc/irq/N/smp_affinity_list. */
  getAffinity(index: number, vector: number): number[] {
    return parseCpuList(read(this.#file(index, vector, 'smp_affinity_list')));
  }

  setAffinity(index: number, vector: number, cpus: readonly number[]): void {
    if (cpus.length === 0) throw new RangeError('cpus must name at least one CPU');
    for (const cpu of cpus) checkInteger(cpu, 'cpu', 0, CPU_MAX);
    const path = this.#file(index, vector, 'smp_affinity_list');
    try {
      writeFileSync(path, cpus.join(','));
    } catch (error) {
      throw systemError(error, path, hints.affinityRefused(path));
    }
  }

  /**
   * The kernel waits for handlers that run, and not for interrupts that a CPU has not taken yet:
   * x86 forgets what they were when the last handler is freed. Who runs on that CPU in user mode
   * has seen it take them.
   */
  synchronize(index: number, vectors: readonly number[]): void {
    const cpus = new Set<number>();
    for (const vector of vectors) {
      for (const cpu of this.#servedBy(index, vector)) cpus.add(cpu);
    }
    for (const cpu of cpus) {
      try {
        this.#kernel.native.visitCpu(cpu);
      } catch (error) {
        // Offline by now, with its interrupts moved; or not a CPU that this process may use.
        if (!(error instanceof VfioError) || error.code !== 'EINVAL') throw error;
      }
    }
  }

  #servedBy(index: number, vector: number): number[] {
    try {
      return parseCpuList(read(this.#file(index, vector, 'effective_affinity_list')));
    } catch (error) {
      if (error instanceof VfioError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  #file(index: number, vector: number, file: string): string {
    const { sysfs } = this.#kernel;
    const action = actionName(this.#name, index, vector);
    const known = this.#numbers.get(action ?? '');
    const fresh = known !== undefined && sysfs.has(sysfs.path('proc/irq', known, action ?? ''));
    const number = fresh ? known : this.#find(action);
    if (number !== undefined) return sysfs.path('proc/irq', number, file);
    throw new VfioError({
      code: 'ENOENT',
      message: `no host interrupt for vector ${vector} of index ${index} of ${this.#name}`,
      path: sysfs.path('proc/interrupts'),
      hint: hints.noHostInterrupt(this.#name),
    });
  }

  #find(action: string | null): string | undefined {
    this.#numbers.clear();
    const lines = read(this.#kernel.sysfs.path('proc/interrupts'));
    for (const [, number = '', handlers = ''] of lines.matchAll(/^ *(\d+):(.*)$/gm)) {
      for (const [handler, device] of handlers.matchAll(/vfio-[^ (]+\(([^)]+)\)/g)) {
        if (device === this.#name) this.#numbers.set(handler, number);
      }
    }
    return this.#numbers.get(action ?? '');
  }
}

/** `'0-2,5'` as [0, 1, 2, 5]. */
export function parseCpuList(list: string): number[] {
  return list
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** What vfio-pci calls its handler; ERR and REQ have no interrupt of the host. */
function actionName(name: string, index: number, vector: number): string | null {
  switch (index) {
    case VFIO_PCI_INTX_IRQ_INDEX:
      return `vfio-intx(${name})`;
    case VFIO_PCI_MSI_IRQ_INDEX:
      return `vfio-msi[${vector}](${name})`;
    case VFIO_PCI_MSIX_IRQ_INDEX:
      return `vfio-msix[${vector}](${name})`;
    default:
      return null;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw systemError(error, path);
  }
}

function systemError(cause: unknown, path: string, hint?: string): VfioError {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  return new VfioError({ code, syscall, path, hint, cause });
}
