import { once } from 'node:events';
import { closeSync, writeFileSync } from 'node:fs';
import { systemError } from '../../errors.js';
import {
  areOpenElsewhere,
  type Ending,
  followRecord,
  followTrace,
  type AccessNames,
  type WriteText,
} from '../../observe/trace/index.js';
import { createOutput, type Existing } from '../files.js';
import { Interruption } from '../interruption.js';
import { outputClosed } from '../output.js';
import { runTraced } from './program.js';
import { checkRawData, isFolder, isWritten, withRawData } from './raw-data.js';

/** The place for the text of a log. */
export interface LogOutput {
  readonly write: WriteText;
  [Symbol.dispose](): void;
}

/** Creates the file for a log. Without a path, the log goes to a stream. */
export function openLog(
  path: string | undefined,
  existing: Existing,
  stream: NodeJS.WriteStream,
): LogOutput {
  if (path === undefined) {
    const write = async (text: string) => {
      if (!stream.write(text)) await once(stream, 'drain', { signal: outputClosed });
    };
    return { write, [Symbol.dispose]: () => undefined };
  }
  const fd = createOutput(path, existing);
  return {
    write(text) {
      try {
        writeFileSync(fd, text);
      } catch (cause) {
        throw systemError(cause, path);
      }
    },
    [Symbol.dispose]() {
      closeSync(fd);
    },
  };
}

/**
 * Runs a program, and writes its log meanwhile. If the log fails, the program continues without the
 * log.
 *
 * @returns the exit code of the program
 */
export async function logProgram(
  program: readonly string[],
  { output, names }: { readonly output: string; readonly names: AccessNames },
  write: WriteText,
): Promise<number> {
  return withRawData(output, async (folder) => {
    let ending: Ending | null = null;
    let isRunning = true;
    const running = runTraced(program, folder).then((ended) => {
      isRunning = false;
      ({ ending } = ended);
      return ended.exitCode;
    });
    const source = { folder, names, isRunning: () => isRunning, ending: () => ending };
    const [logged] = await Promise.allSettled([
      followTrace({ ...source, signal: outputClosed }, write),
      running,
    ]);
    if (logged.status === 'rejected' && !outputClosed.aborted) throw logged.reason;
    return { exitCode: await running, isComplete: true };
  });
}

/**
 * Writes the log of a recording. If a program still writes the recording, the log follows the
 * program until a signal arrives.
 *
 * @returns the exit code of the command
 */
export async function logRecording(
  recording: string,
  names: AccessNames,
  write: WriteText,
): Promise<number> {
  const interruption = new Interruption();
  const signal = AbortSignal.any([interruption.signal, outputClosed]);
  try {
    if (isFolder(recording)) {
      checkRawData(recording);
      const isRunning = () => isWritten(recording);
      await followTrace({ folder: recording, names, isRunning, signal }, write);
    } else {
      const isRunning = () => areOpenElsewhere([recording]);
      await followRecord(recording, { isRunning, signal, names }, write);
    }
    return interruption.exitCode;
  } catch (error) {
    if (outputClosed.aborted) return 0;
    throw error;
  } finally {
    interruption.close();
  }
}
