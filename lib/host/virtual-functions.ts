import type { Activity } from './activity.js';
import { vfioNodes } from './vfio-nodes.js';
import type { Host } from './host.js';

/** Lists the addresses of the virtual functions of a physical function, in the kernel's order. */
export function listVirtualFunctions(host: Host, name: string): string[] {
  return host
    .names('sys/bus/pci/devices', name)
    .filter((entry) => /^virtfn\d+$/.test(entry))
    .sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)))
    .flatMap((entry) => host.linkName('sys/bus/pci/devices', name, entry) ?? []);
}

/**
 * Describes a virtual function with its driver and the programs that have opened it:
 * `'virtual function 0000:01:00.1 (vfio-pci, open in node (12))'`.
 *
 * @returns whether the function has a driver or is open, and the text
 */
export function describeVirtual(
  host: Host,
  activity: Activity,
  name: string,
): { readonly isUsed: boolean; readonly text: string } {
  const driver = host.driver(name);
  const processes = activity.openNodes.findProcesses(vfioNodes(host, [name]));
  const open = processes.length === 0 ? '' : `, open in ${processes.join(', ')}`;
  return {
    isUsed: driver !== null || processes.length > 0,
    text: `virtual function ${name} (${driver ?? 'no driver'}${open})`,
  };
}

/**
 * Lists the virtual functions of a physical function. When a physical function loses its driver,
 * the kernel removes its virtual functions, even if programs have opened them.
 */
export function findVirtualUses(host: Host, activity: Activity, name: string): string[] {
  return listVirtualFunctions(host, name).map((virtual) => {
    const { text } = describeVirtual(host, activity, virtual);
    return `${text} is removed together with ${name}`;
  });
}
