import type { Activity } from './activity.js';
import { vfioNodes } from './vfio-nodes.js';
import type { Host } from './host.js';

/**
 * Lists the virtual functions of a physical function. When a physical function loses its driver,
 * the kernel removes its virtual functions, even if programs have opened them.
 */
export function findVirtualUses(host: Host, activity: Activity, name: string): string[] {
  return host
    .names('sys/bus/pci/devices', name)
    .filter((entry) => /^virtfn\d+$/.test(entry))
    .sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)))
    .flatMap((entry) => {
      const virtual = host.linkName('sys/bus/pci/devices', name, entry);
      if (virtual === null) return [];
      const processes = activity.openNodes.findProcesses(vfioNodes(host, [virtual]));
      const open = processes.length === 0 ? '' : `, open in ${processes.join(', ')}`;
      const driver = host.driver(virtual) ?? 'no driver';
      return [`virtual function ${virtual} (${driver}${open}) is removed together with ${name}`];
    });
}
