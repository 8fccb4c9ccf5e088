import type { Host } from './host.js';

/** A mount: one line of `/proc/<pid>/mountinfo`. */
export interface Mount {
  /**
   * Device number of the file system, `'259:1'`. A file system on several disks has its own device
   * number.
   */
  readonly device: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
}

/** The mounts that a process sees. */
interface View {
  /** Name and number of the process, `'init (1)'`; null for this process. */
  readonly process: string | null;
  readonly mounts: readonly Mount[];
}

/**
 * The mounts of all processes. A container has its own mounts. After chroot(2), a process does not
 * see the mount that contains the new root.
 */
export class Mounts {
  readonly #views: readonly View[];

  constructor(host: Host) {
    const texts = new Set<string>();
    const views: View[] = [];
    for (const process of ['self', ...host.processes()]) {
      const text = host.text('proc', process, 'mountinfo');
      if (text === null || texts.has(text)) continue;
      texts.add(text);
      const name = process === 'self' ? null : host.processName(process);
      views.push({ process: name, mounts: parse(text) });
    }
    this.#views = views;
  }

  /**
   * Lists the mount points of the matching mounts: `'/data'`, or `'/data in dockerd (812)'` if this
   * process does not see the mount. A mount is listed only for the first process that sees the
   * mount, because other processes have copies of the same mount.
   */
  findPoints(matches: (mount: Mount) => boolean): string[] {
    for (const { process, mounts } of this.#views) {
      const points = mounts.filter(matches).map(({ point }) => point);
      if (points.length > 0)
        return points.map((point) => (process === null ? point : `${point} in ${process}`));
    }
    return [];
  }
}

function parse(text: string): Mount[] {
  return text.split('\n').map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device = '', , point = ''] = before.split(' ');
    const [type = '', source = ''] = after.split(' ');
    return { device, point, type, source };
  });
}
