import type { Activity } from './activity.js';
import { isBelow } from './below.js';
import type { Host } from './host.js';
import type { DeviceNode } from './open-nodes.js';

/**
 * Lists the character devices of a function that are open, with the processes that opened the
 * devices. Examples of character devices are GPUs, NVMe controllers, sound devices, virtio ports,
 * serial ports, and USB devices behind a controller.
 */
export function findCharacterUses(host: Host, activity: Activity, name: string): string[] {
  const nodes = [...characterNodes(host, activity, name), ...nvidiaNodes(host, name)];
  return nodes.flatMap((node) => {
    const processes = activity.openNodes.findProcesses([node]);
    const path = node.path.slice(host.path('').length).replace(/^\/?/, '/');
    return processes.length === 0 ? [] : [`${path} is open in ${processes.join(', ')}`];
  });
}

function characterNodes(host: Host, activity: Activity, name: string): DeviceNode[] {
  return activity.characterDevices
    .filter(({ folder }) => isBelow(host, folder, name))
    .map(({ number }) => {
      const uevent = host.text('sys/dev/char', number, 'uevent') ?? '';
      const node = /^DEVNAME=(.+)$/m.exec(uevent)?.[1] ?? `char/${number}`;
      return { path: host.path('dev', node), number: `c${number}` };
    });
}

/**
 * Lists the device node of a GPU that NVIDIA's driver controls. This node has no entry in sysfs. If
 * the driver does not report the GPU's number, the nodes of all GPUs are listed.
 */
function nvidiaNodes(host: Host, name: string): DeviceNode[] {
  if (host.driver(name) !== 'nvidia') return [];
  const information = host.text('proc/driver/nvidia/gpus', name, 'information') ?? '';
  const minor = /^Device Minor:\s*(\d+)/m.exec(information)?.[1];
  const nodes = host.names('dev').filter((node) => /^nvidia\d+$/.test(node));
  return nodes
    .filter((node) => minor === undefined || node === `nvidia${minor}`)
    .map((node) => {
      const path = host.path('dev', node);
      return { path, number: host.nodeNumber(path) };
    });
}
