import type { Host } from './host.js';
import { Mounts } from './mounts.js';
import { OpenNodes } from './open-nodes.js';

/** A character device of the kernel. */
export interface CharacterDevice {
  /** `'226:0'`. */
  readonly number: string;
  /** The device's folder in sysfs, without links. */
  readonly folder: string;
}

/** A network namespace that is not the one of this process. */
export interface OtherNamespace {
  /** The first process in the namespace, `'nginx (812)'`. */
  readonly process: string;
  /** The interfaces, as seen from the root of that process. */
  readonly folder: string;
}

/**
 * What the machine does at present: mounts, open nodes, network namespaces. One object is shared by
 * the checks of all functions of a group, and each part is read on first use.
 */
export class Activity {
  readonly #host: Host;
  #mounts?: Mounts;
  #openNodes?: OpenNodes;
  #characterDevices?: readonly CharacterDevice[];
  #namespaces?: readonly OtherNamespace[];

  constructor(host: Host) {
    this.#host = host;
  }

  get mounts(): Mounts {
    return (this.#mounts ??= new Mounts(this.#host));
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
   * The other network namespaces that have a process. A namespace without processes, as made by `ip
   * netns add`, is not found.
   */
  get namespaces(): readonly OtherNamespace[] {
    return (this.#namespaces ??= listNamespaces(this.#host));
  }
}

function listNamespaces(host: Host): OtherNamespace[] {
  const own = listInterfaces(host, 'sys/class/net');
  const seen = new Set([host.link('proc/self/ns/net')]);
  return host.processes().flatMap((pid) => {
    const namespace = host.link('proc', pid, 'ns/net');
    if (namespace === null || seen.has(namespace)) return [];
    const folder = `proc/${pid}/root/sys/class/net`;
    const interfaces = listInterfaces(host, folder);
    // The sysfs of a process can belong to another namespace than the process.
    if (interfaces === '' || interfaces === own) return [];
    seen.add(namespace);
    return [{ process: host.processName(pid), folder }];
  });
}

/** Returns the interfaces of a sysfs with their devices, as one text to compare. */
function listInterfaces(host: Host, folder: string): string {
  return host
    .names(folder)
    .map((name) => `${name} ${host.link(folder, name) ?? ''}`)
    .join('\n');
}
