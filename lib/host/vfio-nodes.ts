import type { Host } from './host.js';
import type { DeviceNode } from './open-nodes.js';

/** Lists the nodes of VFIO by which functions are opened: of their groups, and their own. */
export function vfioNodes(host: Host, names: readonly string[]): DeviceNode[] {
  const paths = names.flatMap((name) => {
    const group = host.group(name);
    const device = host.vfioDevice(name);
    return [
      ...(group === null ? [] : [host.groupNode(group)]),
      ...(device === null ? [] : [host.deviceNode(device)]),
    ];
  });
  return [...new Set(paths)].map((path) => ({ path, number: host.nodeNumber(path) }));
}
