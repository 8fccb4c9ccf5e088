import type { Host } from '../host.js';
import { type Check, note, ok, problem } from './finding.js';

const CAP_IPC_LOCK = 14n;

/** Checks that the limit of locked memory is large enough for the DMA memory. */
export const memlock: Check = (host, { memory }) => {
  const check = 'memlock';
  const limit = host.memlockLimit();
  if (limit === null) return [ok(check, 'no limit')];
  if (isPrivileged(host))
    return [ok(check, `${formatSize(Number(limit))}, ignored because of CAP_IPC_LOCK`)];
  const kib = ((memory ?? 0n) + 1023n) / 1024n;
  const fix = `ulimit -l ${kib.toString()}, after '* - memlock ${kib.toString()}' in /etc/security/limits.conf; LimitMEMLOCK= of a service; --ulimit memlock=-1:-1 of a container`;
  if (memory === undefined) {
    return [
      note(
        check,
        `at most ${formatSize(Number(limit))} of DMA memory; --memory <size> checks a size`,
      ),
    ];
  }
  if (limit >= memory)
    return [ok(check, `${formatSize(Number(limit))}, enough for ${formatSize(Number(memory))}`)];
  return [
    problem(
      check,
      `${formatSize(Number(limit))}, less than the ${formatSize(Number(memory))} needed`,
      fix,
    ),
  ];
};

/**
 * Whether the kernel ignores the limit of locked memory. The kernel ignores the limit only for a
 * process that has CAP_IPC_LOCK in the initial user namespace. For a process in the container of an
 * ordinary user, the kernel enforces the limit.
 */
function isPrivileged(host: Host): boolean {
  if (!isInitialNamespace(host)) return false;
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(host.text('proc/self/status') ?? '')?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) >> CAP_IPC_LOCK) % 2n === 1n;
}

/**
 * Target of the link `/proc/self/ns/user` in the initial user namespace. The number in the text is
 * a constant of the kernel (`PROC_USER_INIT_INO`).
 */
const INITIAL = 'user:[4026531837]';

/**
 * Whether this process is in the initial user namespace. The initial namespace maps every user
 * number to itself. Another namespace has this map only if root has written the map.
 */
function isInitialNamespace(host: Host): boolean {
  const map = host.text('proc/self/uid_map');
  if (map === null) return true;
  const namespace = host.link('proc/self/ns/user');
  return /^0\s+0\s+4294967295$/.test(map) && (namespace === null || namespace === INITIAL);
}

/** Formats a size with the largest unit that needs no fraction. */
function formatSize(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let power = 0;
  while (power < 3 && bytes > 0 && bytes % 1024 ** (power + 1) === 0) power++;
  return `${bytes / 1024 ** power} ${units[power]}`;
}

/** Reports the pools of huge pages and the mode of transparent huge pages. */
export const hugePages: Check = (host) => {
  const folder = 'sys/kernel/mm/hugepages';
  const pools = host.names(folder).map((pool) => {
    const number = (file: string) => host.text(folder, pool, file) ?? '0';
    const kib = Number(/\d+/.exec(pool)?.[0] ?? 0);
    const size = formatSize(kib * 1024);
    return `${number('free_hugepages')} of ${number('nr_hugepages')} pages of ${size} free`;
  });
  const setting = host.text('sys/kernel/mm/transparent_hugepage/enabled') ?? '';
  const transparent = /\[(\w+)\]/.exec(setting)?.[1] ?? 'never';
  const text = [...pools, `transparent: ${transparent}`].join('; ');
  return [note('huge pages', text)];
};
