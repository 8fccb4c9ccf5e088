import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants as osConstants } from 'node:os';
import { VfioError } from '../../errors.js';
import { exited, now, signalled, type Ending } from '../../observe/trace/index.js';
import { printable } from '../../printable.js';

/**
 * Exit codes that a shell returns: 127 for a program that does not exist, 126 for a program that
 * cannot be run.
 */
const NOT_FOUND = 127;
const NOT_RUN = 126;

/** The end of a traced program. */
export interface Ended {
  /** The exit code as a shell returns it. */
  readonly exitCode: number;
  /** How the program ended; null if the program could not be started. */
  readonly ending: Ending | null;
}

/** Runs a program that writes its trace into a folder. Signals are passed on to the program. */
export async function runTraced(
  [file = '', ...args]: readonly string[],
  folder: string,
): Promise<Ended> {
  const start = now();
  const child = spawn(file, args, {
    stdio: 'inherit',
    env: { ...process.env, VFIO_TRACE: folder },
  });
  // This process ignores both signals, because the terminal also sends them to the traced program.
  // The trace files are written after the program has ended.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  process.on('SIGQUIT', ignore);
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', forward);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (signal !== null) {
      const exitCode = 128 + osConstants.signals[signal];
      return { exitCode, ending: signalled(signal, start, now()) };
    }
    return { exitCode: code ?? 0, ending: exited(code ?? 0, now()) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const error = new VfioError({ code, syscall: 'spawn', path: file, cause });
    console.error(`vfio: ${printable(error.message)}`);
    return { exitCode: code === 'ENOENT' ? NOT_FOUND : NOT_RUN, ending: null };
  } finally {
    process.off('SIGINT', ignore).off('SIGQUIT', ignore).off('SIGTERM', forward);
  }
}
