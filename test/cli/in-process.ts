import { runCommandLine } from '../../lib/cli/command-line.js';
import type { Outcome } from './vfio.js';

/** The command that runs now. A later command starts after this command, as in a shell. */
let running: Promise<unknown> = Promise.resolve();

/**
 * Runs a command of `vfio` in the process of the test. A new process for each command would take
 * most of the time of the tests. The command must not read standard input, and must not wait for a
 * signal: {@link vfio} in `vfio.ts` starts a process for such a command.
 *
 * @param cwd - the working directory of the command
 */
export async function vfioHere(args: readonly string[], cwd = process.cwd()): Promise<Outcome> {
  const outcome = running.then(() => captureOutput(args, cwd));
  running = outcome.catch(() => undefined);
  return outcome;
}

async function captureOutput(args: readonly string[], cwd: string): Promise<Outcome> {
  const before = process.cwd();
  process.chdir(cwd);
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  try {
    const code = await runCommandLine(args);
    return { code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    stdout.end();
    stderr.end();
    process.chdir(before);
  }
}

/** Collects the text that is written to a stream, until `end()`. */
export function capture(stream: NodeJS.WriteStream): { text: string; end(): void } {
  const write = stream.write.bind(stream);
  const captured = {
    text: '',
    end() {
      stream.write = write;
    },
  };
  stream.write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
    captured.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return captured;
}
