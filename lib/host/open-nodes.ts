import type { Host } from './host.js';

/** A device node below /dev. */
export interface DeviceNode {
  readonly path: string;
  /** Device number: `'b259:0'` or `'c226:0'`; null if unknown. */
  readonly number: string | null;
}

/**
 * The device nodes below /dev that are open in a process. Only root can see the file descriptors of
 * other users.
 *
 * A node is found by its device number, because the path of the node can differ in a container.
 */
export class OpenNodes {
  readonly #host: Host;
  /**
   * The processes in which a node is open. The key is the path or the device number of the node.
   */
  readonly #processes = new Map<string, Set<string>>();

  constructor(host: Host) {
    this.#host = host;
    const prefix = `${host.path('dev')}/`;
    for (const pid of host.processes()) {
      for (const fd of host.names('proc', pid, 'fd')) {
        const path = host.link('proc', pid, 'fd', fd);
        // Files outside of /dev are skipped, because a system call on a network file system might
        // never return.
        if (path?.startsWith(prefix) !== true) continue;
        this.#add(path, pid);
        const number = host.nodeNumber(host.path('proc', pid, 'fd', fd));
        if (number !== null) this.#add(number, pid);
      }
    }
  }

  #add(key: string, pid: string): void {
    const processes = this.#processes.get(key) ?? new Set();
    this.#processes.set(key, processes.add(pid));
  }

  /** Lists the processes in which at least one of the nodes is open: `'qemu (1234)'`. */
  findProcesses(nodes: readonly DeviceNode[]): string[] {
    const keys = nodes.flatMap(({ path, number }) => (number === null ? [path] : [path, number]));
    const pids = new Set(keys.flatMap((key) => [...(this.#processes.get(key) ?? [])]));
    return [...pids]
      .sort((a, b) => Number(a) - Number(b))
      .map((pid) => this.#host.processName(pid));
  }
}
