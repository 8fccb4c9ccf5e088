import type { Host } from './host.js';

/** A line of proc_pid_mountinfo(5). */
export interface Mount {
  /** `'259:1'`; file systems over several disks have a number of their own. */
  readonly device: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
}

/** What a process sees of what is mounted. */
interface View {
  /** `'init (1)'`; null for what this process sees. */
  readonly of: string | null;
  readonly mounts: readonly Mount[];
}

/**
 * Where file systems are mounted, in words: `'/data'`, or `'/data in dockerd (812)'` where this
 * process does not see it. Containers have mounts of their own, and who changed its root does not
 * see what the root is made of.
 */
export class Mounts {
  readonly #views: readonly View[];

  constructor(host: Host) {
    const processes = host.names('proc').filter((name) => /^\d+$/.test(name));
    const texts = new Set<string>();
    const views: View[] = [];
    for (const process of ['self', ...processes.sort((a, b) => Number(a) - Number(b))]) {
      const text = host.text('proc', process, 'mountinfo');
      if (text === null || texts.has(text)) continue;
      texts.add(text);
      const name = () => `${host.text('proc', process, 'comm') ?? 'process'} (${process})`;
      views.push({ of: process === 'self' ? null : name(), mounts: parse(text) });
    }
    this.#views = views;
  }

  /** Where that is mounted; of the first who sees it, since the others have copies. */
  pointsOf(matches: (mount: Mount) => boolean): string[] {
    for (const { of, mounts } of this.#views) {
      const points = mounts.filter(matches).map(({ point }) => point);
      if (points.length > 0)
        return points.map((point) => (of === null ? point : `${point} in ${of}`));
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
