/** The folders with the raw data of traces. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { VfioError } from '../../errors.js';
import { areOpenElsewhere, traceFiles } from '../../observe/trace/index.js';
import { printable } from '../../printable.js';
import { withPath } from '../files.js';

/** The result of the work on a trace. */
export interface Outcome {
  /** The exit code of the command. */
  readonly exitCode: number;
  /** False if a signal ended the work. */
  readonly isComplete: boolean;
}

/**
 * Makes a folder for the raw data beside the output, because /tmp can be a disk in memory. The
 * folder is deleted when the work is complete. Otherwise, the folder is kept, and its path is
 * printed.
 *
 * @returns the exit code of the command
 */
export async function withRawData(
  output: string,
  work: (folder: string) => Promise<Outcome>,
): Promise<number> {
  const folder = withPath(output, () => mkdtempSync(`${output}-raw-`));
  try {
    const { exitCode, isComplete } = await work(folder);
    if (isComplete) rmSync(folder, { recursive: true, force: true });
    return exitCode;
  } finally {
    if (existsSync(folder)) console.error(`vfio: the raw data is kept in ${printable(folder)}`);
  }
}

/** Whether a recording is a folder with raw data, and not a file of `VFIO_RECORD`. */
export function isFolder(recording: string): boolean {
  return withPath(recording, () => statSync(recording).isDirectory());
}

/** @throws VfioError ENOENT if the folder contains no trace file */
export function checkRawData(folder: string): void {
  if (isFolder(folder) && traceFiles(folder).length > 0) return;
  throw new VfioError({
    code: 'ENOENT',
    message: 'this is not a folder with trace files',
    path: folder,
    hint: 'Run the program with VFIO_TRACE=<folder>. A file of VFIO_RECORD needs --log.',
  });
}

/** Whether a program still writes the raw data in a folder. */
export function isWritten(folder: string): boolean {
  return areOpenElsewhere(traceFiles(folder));
}
