import type { Host } from './host.js';
import type { Mount, Mounts } from './mounts.js';

/**
 * Lists the mounted shares (9p and virtiofs file systems) of a virtio function. A share has no
 * disk. The source of the mount is the tag of the virtio device.
 *
 * @param isBelow - returns whether a path in sysfs is below the function
 */
export function findShareUses(
  host: Host,
  mounts: Mounts,
  isBelow: (path: string | null) => boolean,
): string[] {
  const devices = host
    .names('sys/bus/virtio/devices')
    .filter((name) => isBelow(host.target('sys/bus/virtio/devices', name)));
  return devices.flatMap((device) => {
    const driver = host.linkName('sys/bus/virtio/devices', device, 'driver');
    const matches =
      driver === '9pnet_virtio'
        ? match9p(host, device)
        : driver === 'virtiofs' && matchVirtiofs(host, device);
    if (matches === false) return [];
    return mounts
      .findPoints(matches)
      .map((point) => `the share of ${device} is mounted on ${point}`);
  });
}

function match9p(host: Host, device: string): (mount: Mount) => boolean {
  const tag = host.text('sys/bus/virtio/devices', device, 'mount_tag')?.replace(/\0.*$/s, '');
  return ({ type, source }) => type === '9p' && source === tag;
}

/**
 * Returns a function that accepts a mount if the source of the mount is the tag of the device. A
 * kernel before Linux 6.9 does not report the tag, so every virtiofs mount is accepted.
 */
function matchVirtiofs(host: Host, device: string): (mount: Mount) => boolean {
  const own = host
    .names('sys/fs/virtiofs')
    .find((name) => host.linkName('sys/fs/virtiofs', name, 'device') === device);
  const tag = own === undefined ? null : host.text('sys/fs/virtiofs', own, 'tag');
  return ({ type, source }) => type === 'virtiofs' && (tag === null || source === tag);
}
