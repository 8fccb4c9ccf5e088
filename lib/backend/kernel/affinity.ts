import { readFileSync, writeFileSync } from 'node:fs';
import { systemError, VfioError } from '../../errors.js';
import {
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../../contract/uapi.js';
import { checkInteger } from '../../checks.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';

const CPU_MAX = 65535;

/** The host interrupts of a device's vectors, and the CPUs that serve the interrupts. */
export class HostInterrupts {
  readonly #kernel: Kernel;
  readonly #name: string;
  /** Interrupt numbers by handler name, from the last scan of /proc/interrupts. */
  readonly #numbers = new Map<string, string>();

  constructor(kernel: Kernel, name: string) {
    this.#kernel = kernel;
    this.#name = name;
  }

  /** Returns the CPUs that are allowed to serve a vector, from /proc/irq/N/smp_affinity_list. */
  getAffinity(index: number, vector: number): number[] {
    return parseCpuList(read(this.#irqFile(index, vector, 'smp_affinity_list')));
  }

  setAffinity(index: number, vector: number, cpus: readonly number[]): void {
    if (cpus.length === 0) throw new RangeError('cpus must name at least one CPU');
    for (const cpu of cpus) checkInteger(cpu, 'cpu', 0, CPU_MAX);
    const path = this.#irqFile(index, vector, 'smp_affinity_list');
    try {
      writeFileSync(path, cpus.join(','));
    } catch (error) {
      throw systemError(error, path, hints.affinityRefused(path));
    }
  }

  /**
   * Waits until the CPUs have taken the pending interrupts of the given vectors. When the kernel
   * frees a handler, the kernel waits only for running handlers. On x86, if the handler is freed
   * before the CPU has taken an interrupt, the interrupt is lost. A CPU takes its pending
   * interrupts before the CPU runs a thread in user mode.
   */
  synchronize(index: number, vectors: readonly number[]): void {
    const cpus = new Set<number>();
    for (const vector of vectors) {
      for (const cpu of this.#servingCpus(index, vector)) cpus.add(cpu);
    }
    for (const cpu of cpus) {
      try {
        this.#kernel.native.visitCpu(cpu);
      } catch (error) {
        // The CPU went offline and its interrupts moved to another CPU, or this process is not
        // allowed to use the CPU.
        if (!(error instanceof VfioError) || error.code !== 'EINVAL') throw error;
      }
    }
  }

  #servingCpus(index: number, vector: number): number[] {
    try {
      return parseCpuList(read(this.#irqFile(index, vector, 'effective_affinity_list')));
    } catch (error) {
      if (error instanceof VfioError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  #irqFile(index: number, vector: number, file: string): string {
    const { sysfs } = this.#kernel;
    const action = actionName(this.#name, index, vector);
    const known = this.#numbers.get(action ?? '');
    const fresh = known !== undefined && sysfs.has(sysfs.path('proc/irq', known, action ?? ''));
    const number = fresh ? known : this.#findNumber(action);
    if (number !== undefined) return sysfs.path('proc/irq', number, file);
    throw new VfioError({
      code: 'ENOENT',
      message: `${this.#name} has no host interrupt for vector ${vector} of index ${index}`,
      path: sysfs.path('proc/interrupts'),
      hint: hints.noHostInterrupt(this.#name),
    });
  }

  #findNumber(action: string | null): string | undefined {
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

/** Parses a list of CPUs. For example, `'0-2,5'` gives [0, 1, 2, 5]. */
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

/**
 * Returns the name of the interrupt handler that vfio-pci registers for a vector. Returns null for
 * ERR and REQ, because ERR and REQ have no host interrupt.
 */
function actionName(name: string, index: number, vector: number): string | null {
  switch (index) {
    case VFIO_PCI_INTX_IRQ_INDEX:
      return vector === 0 ? `vfio-intx(${name})` : null;
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
