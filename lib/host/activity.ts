import type { Host } from './host.js';
import { Mounts } from './mounts.js';
import { OpenNodes } from './open-nodes.js';

/** A character device that the kernel has registered. */
export interface CharacterDevice {
  /** `'226:0'`. */
  readonly number: string;
  /** Path of the device's folder in sysfs, with all symbolic links resolved. */
  readonly folder: string;
}

/** A network namespace to which this process does not belong. */
export interface OtherNamespace {
  /** Name and number of the first process in the namespace: `'nginx (812)'`. */
  readonly process: string;
  /** Path of the folder `sys/class/net` below the root of this process. */
  readonly folder: string;
}

/**
 * The current state of the machine: mounts, swap, open device nodes, and network namespaces. All
 * checks of a group use the same `Activity` object. Each part of the state is read on first use.
 */
export class Activity {
  readonly #host: Host;
  #mounts?: Mounts;
  #swaps?: readonly string[];
  #openNodes?: OpenNodes;
  #characterDevices?: readonly CharacterDevice[];
  #namespaces?: readonly OtherNamespace[];

  constructor(host: Host) {
    this.#host = host;
  }

  get mounts(): Mounts {
    return (this.#mounts ??= new Mounts(this.#host));
  }

  /** Paths of the files and devices that are used as swap. */
  get swaps(): readonly string[] {
    return (this.#swaps ??= readSwaps(this.#host));
  }

  get openNodes(): OpenNodes {
    return (this.#openNodes ??= new OpenNodes(this.#host));
  }

  get characterDevices(): readonly CharacterDevice[] {
    return (this.#characterDevices ??= this.#host.names('sys/dev/char').flatMap((number) => {
      const folder = this.#host.target('sys/dev/char', number);
      return folder === null ? [] : [{ number, folder }];
    }));
  }

  /**
   * All network namespaces that have a process, except the namespace of this process. A namespace
   * without a process, as created by `ip netns add`, is not found.
   */
  get namespaces(): readonly OtherNamespace[] {
    return (this.#namespaces ??= listNamespaces(this.#host));
  }
}

function readSwaps(host: Host): string[] {
  const [, ...lines] = (host.text('proc/swaps') ?? '').split('\n');
  return lines.map((line) => line.split(/\s/)[0] ?? '');
}

function listNamespaces(host: Host): OtherNamespace[] {
  const own = listInterfaces(host, 'sys/class/net');
  const seen = new Set([host.link('proc/self/ns/net')]);
  return host.processes().flatMap((pid) => {
    const namespace = host.link('proc', pid, 'ns/net');
    if (namespace === null || seen.has(namespace)) return [];
    const folder = `proc/${pid}/root/sys/class/net`;
    const interfaces = listInterfaces(host, folder);
    // The sysfs that a process sees can belong to a different network namespace than the process
    // itself.
    if (interfaces === '' || interfaces === own) return [];
    seen.add(namespace);
    return [{ process: host.processName(pid), folder }];
  });
}

/**
 * Returns a text that lists the network interfaces in a sysfs and the links to their devices. If
 * two texts are equal, both folders show the same network namespace.
 */
function listInterfaces(host: Host, folder: string): string {
  return host
    .names(folder)
    .map((name) => `${name} ${host.link(folder, name) ?? ''}`)
    .join('\n');
}
