import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runInLab } from '../../lib/lab/index.js';
import { kernelParameters } from '../../lib/lab/machine.js';
import type { Run } from './measure.js';

const SCRIPT = fileURLToPath(new URL('../../../bench/serve/guest.sh', import.meta.url));
const TIMEOUT_MS = 10 * 60_000;
/** The size of the namespace of mock:nvme. */
const DISK_SIZE = 64 * 2 ** 20;
/** With a virtual IOMMU, the guest would map and unmap memory for each command. */
const WITHOUT_IOMMU = [
  ...kernelParameters('x64').filter((parameter) => !parameter.startsWith('intel_iommu')),
  'intel_iommu=off',
];

/** A line of the script: the disk, the queue depth, and the report of fio. */
const LINE = /^(\S+) (\d+) (\{.*\})$/gm;

/** The part of the report of fio that the benchmark uses. */
interface FioReport {
  readonly jobs: readonly [{ readonly read: FioRead }];
}

interface FioRead {
  readonly total_ios: number;
  readonly iops: number;
  readonly clat_ns: { readonly percentile: Readonly<Record<string, number>> };
}

export interface GuestOptions {
  readonly rounds: number;
  /** Duration of each measurement in seconds. */
  readonly seconds: number;
}

/**
 * Boots a guest with a served mock:nvme and with QEMU's own NVMe controller. The driver nvme of the
 * guest uses both devices. Measures 4 KiB direct reads with fio.
 *
 * @returns the runs of each round
 */
export async function measureInGuest({ rounds, seconds }: GuestOptions): Promise<Run[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-bench-'));
  const disk = join(folder, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, DISK_SIZE);
  const stdout = new PassThrough();
  const printed = text(stdout);
  try {
    const { exitCode } = await runInLab({
      command: 'sh',
      args: [SCRIPT, `${rounds}`, `${seconds}`],
      kernel: 'debian-6.12',
      qemu: 'debian',
      devices: [],
      serve: ['mock:nvme'],
      modules: ['nvme'],
      qemuArgs: [
        ...['-drive', `id=own,if=none,format=raw,cache=unsafe,file=${disk}`],
        ...['-device', 'nvme,serial=own,drive=own,bus=pcie.0,addr=8'],
        ...['-append', WITHOUT_IOMMU.join(' ')],
      ],
      timeout: TIMEOUT_MS,
      stdout,
    });
    stdout.end();
    if (exitCode !== 0) throw new Error(`the script in the guest failed: exit code ${exitCode}`);
    const runs = [...(await printed).matchAll(LINE)].map(([, name = '', depth = '', report = '']) =>
      describe(name, depth, report),
    );
    const perRound = runs.length / rounds;
    return Array.from({ length: rounds }, (_, i) => runs.slice(i * perRound, (i + 1) * perRound));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function describe(disk: string, depth: string, report: string): Run {
  const { read } = (JSON.parse(report) as FioReport).jobs[0];
  const percentile = (name: string) => (read.clat_ns.percentile[name] ?? NaN) / 1000;
  const rowOf = (name: string) => `guest: ${name}, depth ${depth}`;
  return {
    what: rowOf(disk),
    against: disk === 'QEMU' ? null : rowOf('QEMU'),
    operations: read.total_ios,
    perSecond: read.iops,
    p50: percentile('50.000000'),
    p99: percentile('99.000000'),
    cpu: null,
  };
}
