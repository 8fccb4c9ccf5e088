import { readFileSync, writeFileSync } from 'node:fs';
import { VfioError } from '../../errors.js';
import {
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../uapi.js';
import { checkInteger } from './checks.js';
import * as hints from './hints.js';
import type { Sysfs } from './sysfs.js';

const CPU_MAX = 65535;

/** The CPUs that may serve the host interrupt of a vector: /proc/irq/N/smp_affinity_list. */
export function getAffinity(sysfs: Sysfs, name: string, index: number, vector: number): number[] {
  return parseCpuList(read(affinityFile(sysfs, name, index, vector)));
}

export function setAffinity(
  sysfs: Sysfs,
  name: string,
  index: number,
  vector: number,
  cpus: readonly number[],
): void {
  if (cpus.length === 0) throw new RangeError('cpus must name at least one CPU');
  for (const cpu of cpus) checkInteger(cpu, 'cpu', 0, CPU_MAX);
  const path = affinityFile(sysfs, name, index, vector);
  try {
    writeFileSync(path, cpus.join(','));
  } catch (error) {
    throw systemError(error, path, hints.affinityRefused(path));
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

function affinityFile(sysfs: Sysfs, name: string, index: number, vector: number): string {
  const path = sysfs.path('proc/interrupts');
  const action = actionName(name, index, vector);
  const line = read(path)
    .split('\n')
    .find((text) => action !== null && text.includes(action));
  if (line === undefined) {
    const message = `no host interrupt for vector ${vector} of index ${index} of ${name}`;
    throw new VfioError({ code: 'ENOENT', message, path, hint: hints.noHostInterrupt(name) });
  }
  return sysfs.path('proc/irq', `${parseInt(line, 10)}`, 'smp_affinity_list');
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
