import type { Host } from './host.js';

/** A node below /dev. */
export interface DeviceNode {
  readonly path: string;
  /** `'b259:0'` or `'c226:0'`; null if unknown. */
  readonly number: string | null;
}

/**
 * The nodes below /dev that processes have open. Only root sees the descriptors of other users.
 *
 * A node is found by its device number, since a container can give it another path.
 */
export class OpenNodes {
  readonly #host: Host;
  /** Processes by the path and by the number of a node. */
  readonly #processes = new Map<string, Set<string>>();

  constructor(host: Host) {
    this.#host = host;
    const prefix = `${host.path('dev')}/`;
    for (const pid of host.processes()) {
      for (const fd of host.names('proc', pid, 'fd')) {
        const path = host.link('proc', pid, 'fd', fd);
        // Other files are not looked up: a network file system may never answer.
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

  /** Lists the processes that have one of the nodes open, `'qemu (1234)'`. */
  findProcesses(nodes: readonly DeviceNode[]): string[] {
    const keys = nodes.flatMap(({ path, number }) => (number === null ? [path] : [path, number]));
    const pids = new Set(keys.flatMap((key) => [...(this.#processes.get(key) ?? [])]));
    return [...pids]
      .sort((a, b) => Number(a) - Number(b))
      .map((pid) => this.#host.processName(pid));
  }
}
