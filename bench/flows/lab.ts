import { text } from 'node:stream/consumers';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInLab } from '../../lib/lab/index.js';
import type { NvmeReport } from './nvme.js';

const MAIN = fileURLToPath(new URL('main.js', import.meta.url));
/**
 * Two NVMe devices of QEMU: one with the default of 65 vectors, one with 2,048 vectors. A function
 * can have at most 2,048 vectors.
 */
const DEVICES = ['nvme', 'nvme,max_ioqpairs=2047,msix_qsize=2048'];
const IN_GUEST = `exec node "$0" --json --out /tmp --device $VFIO_LAB_NVME --device $VFIO_LAB_NVME_2`;

/**
 * Runs the measurements in guests, on the NVMe controller of QEMU. Each kernel has its own guest,
 * and the guests run one after the other.
 *
 * @param kernels - names or paths of kernels; `vfio lab --kernel` accepts the same values
 */
export async function measureInLab(kernels: readonly string[]): Promise<NvmeReport[]> {
  const reports: NvmeReport[] = [];
  for (const kernel of kernels) {
    console.error(`# ${kernel}`);
    const stdout = new PassThrough();
    const printed = text(stdout);
    const { exitCode } = await runInLab({
      command: 'sh',
      args: ['-c', IN_GUEST, MAIN],
      kernel,
      devices: DEVICES,
      stdout,
    });
    stdout.end();
    if (exitCode !== 0)
      throw new Error(`the measurement on ${kernel} ended with exit code ${exitCode}`);
    reports.push(...(JSON.parse(await printed) as { reports: NvmeReport[] }).reports);
  }
  return reports;
}
