import { Writable } from 'node:stream';
import { runInLab } from 'vfio/lab';

/** The options of a guest that a benchmark chooses. */
export type MachineOptions = Pick<Parameters<typeof runInLab>[0], 'cpus' | 'qemuArgs'>;

/**
 * The guest has one CPU. The clocks of the guest advance by one nanosecond with each instruction.
 */
export const COUNTING: MachineOptions = { cpus: 1, qemuArgs: ['-icount', 'shift=0'] };

/**
 * Runs a script of the shell in a guest that has QEMU's NVMe.
 *
 * @param programs - the arguments `$1`, `$2` and so on of the script
 * @param timeout - milliseconds
 * @returns the lines of JSON that the script printed
 * @throws Error if the script fails
 */
export async function runInGuest(
  script: string,
  programs: readonly string[],
  options: MachineOptions,
  kernel: string | undefined,
  timeout: number,
): Promise<unknown[]> {
  let text = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  console.error(`# guest with ${JSON.stringify(options)}`);
  const { exitCode } = await runInLab({
    command: 'sh',
    args: ['-c', script, 'sh', ...programs],
    devices: ['nvme'],
    kernel,
    timeout,
    stdout,
    ...options,
  });
  if (exitCode !== 0) throw new Error(`a program in the guest failed: exit code ${exitCode}`);
  const lines = text.trim().split('\n');
  return lines.map((line): unknown => JSON.parse(line));
}
