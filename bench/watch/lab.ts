import { fileURLToPath } from 'node:url';
import type { Line } from '../lab/clock.js';
import { COUNTING, type MachineOptions, runInGuest } from '../lab/machine.js';
import type { Result } from '../lib/measure.js';
import { PLAIN, RECORDED, resultsOf, TRACED } from './results.js';

const program = fileURLToPath(new URL('guest.js', import.meta.url));
const TIMEOUT_MS = 20 * 60_000;
/** The three programs run one after the other. The output of an observer is in the guest's memory. */
const SCRIPT = [
  `node "$1" $VFIO_LAB_NVME '${PLAIN}'`,
  `VFIO_TRACE=/tmp/trace node "$1" $VFIO_LAB_NVME '${TRACED}'`,
  `VFIO_RECORD=/tmp/record.jsonl node "$1" $VFIO_LAB_NVME '${RECORDED}'`,
].join(' && ');

/**
 * Measures the work on QEMU's NVMe, with each observer and without an observer: the instructions in
 * one guest, and the time in another guest.
 */
export async function measureInLab(kernel: string | undefined): Promise<Result[]> {
  const run = async (options: MachineOptions) =>
    (await runInGuest(SCRIPT, [program], options, kernel, TIMEOUT_MS)) as Line[];
  const counted = await run(COUNTING);
  const timed = await run({});
  return [
    ...resultsOf(counted, 'instructions', ({ cpu }) => cpu),
    ...resultsOf(timed, 'ns', ({ elapsed }) => elapsed),
  ];
}
