import type { Host } from './host.js';
import type { DeviceNode } from './open-nodes.js';

/**
 * Lists the VFIO device nodes of functions: for each function, the group's node and the function's
 * own node.
 */
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
