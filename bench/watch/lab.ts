import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInLab } from 'vfio/lab';
import type { Line } from '../lab/clock.js';
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
 * The guest has one CPU. The clocks of the guest advance by one nanosecond with each instruction.
 */
const COUNTING = { cpus: 1, qemuArgs: ['-icount', 'shift=0'] };

/**
 * Measures the work on QEMU's NVMe, with each observer and without an observer: the instructions in
 * one guest, and the time in another guest.
 */
export async function measureInLab(kernel: string | undefined): Promise<Result[]> {
  const counted = await runInGuest(kernel, COUNTING);
  const timed = await runInGuest(kernel, {});
  return [
    ...resultsOf(counted, 'instructions', ({ cpu }) => cpu),
    ...resultsOf(timed, 'ns', ({ elapsed }) => elapsed),
  ];
}

async function runInGuest(
  kernel: string | undefined,
  machine: Pick<Parameters<typeof runInLab>[0], 'cpus' | 'qemuArgs'>,
): Promise<Line[]> {
  let text = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  console.error(`# guest with ${JSON.stringify(machine)}`);
  const { exitCode } = await runInLab({
    command: 'sh',
    args: ['-c', SCRIPT, 'sh', program],
    devices: ['nvme'],
    kernel,
    timeout: TIMEOUT_MS,
    stdout,
    ...machine,
  });
  if (exitCode !== 0) throw new Error(`a program in the guest failed: exit code ${exitCode}`);
  const lines = text.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}
