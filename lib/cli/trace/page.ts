import { lstatSync } from 'node:fs';
import {
  describeGaps,
  KernelFaults,
  type AccessNames,
  readTrace,
  summarize,
  type Trace,
  type TraceOptions,
  writeChromeTrace,
  writeTracePage,
} from '../../observe/trace/index.js';
import { printable } from '../../printable.js';
import { checkOutput, writeOutput, type Existing } from '../files.js';
import { Interruption } from '../interruption.js';
import { toJson } from '../json.js';
import { withProgress } from '../progress.js';
import { UsageError } from '../usage.js';
import { runTraced } from './program.js';
import { checkRawData, isWritten, type Outcome, withRawData } from './raw-data.js';
import { endOf, tableOf } from './report.js';

/** The names of both output files. */
export interface PageFiles {
  readonly json: string;
  readonly html: string;
}

/**
 * Returns the names of both files without creating the files. The names are checked before the
 * program starts, because the program can run for hours.
 */
export function checkPageFiles(output: string, existing: Existing): PageFiles {
  const name = output.replace(/\.(html|json)$/, '');
  if (!isName(name)) {
    throw new UsageError(`--output must be a name for new files, not '${output}'`);
  }
  const files = { json: `${name}.json`, html: `${name}.html` };
  for (const path of Object.values(files)) checkOutput(path, existing);
  return files;
}

/** The form of a page. */
export interface PageOptions {
  readonly files: PageFiles;
  readonly existing: Existing;
  /** Nanoseconds; null means that the limit depends on the trace. */
  readonly late: number | null;
  readonly asJson: boolean;
  /** Names the registers. */
  readonly names: AccessNames;
}

/** The source of a page. */
type PageSource = Omit<TraceOptions, 'late' | 'names' | 'signal'> & {
  readonly folder: string;
  /** The exit code of the program as a shell returns it; null if the command did not start it. */
  readonly exitCode: number | null;
};

/**
 * Runs a program and makes its page.
 *
 * @returns the exit code of the program, or 1 if the trace is empty
 */
export async function pageOfProgram(
  program: readonly string[],
  options: PageOptions,
): Promise<number> {
  using faults = new KernelFaults();
  return await withRawData(options.files.html.replace(/\.html$/, ''), async (folder) => {
    const { exitCode, ending } = await runTraced(program, folder);
    if (ending === null) return { exitCode, isComplete: true };
    const source = { folder, command: program.join(' '), ending, isRunning: false, exitCode };
    const made = await makePage({ ...source, faults }, options);
    return made.isComplete && exitCode !== 0 ? { ...made, exitCode } : made;
  });
}

/**
 * Makes the page of a folder with raw data. The program can still run.
 *
 * @returns the exit code of the command
 */
export async function pageOfRecording(folder: string, options: PageOptions): Promise<number> {
  checkRawData(folder);
  using faults = new KernelFaults();
  const isRunning = isWritten(folder);
  const source = { folder, command: null, ending: null, isRunning, exitCode: null, faults };
  return (await makePage(source, options)).exitCode;
}

/** Writes both files, and prints the figures. An empty trace has no page, and the exit code 1. */
async function makePage(source: PageSource, options: PageOptions): Promise<Outcome> {
  const interruption = new Interruption();
  const { signal } = interruption;
  try {
    const reading = readTrace(source.folder, {
      ...source,
      late: options.late,
      names: options.names,
      signal,
    });
    const trace = await withProgress('reading the trace', reading);
    if (trace.threads.length === 0) {
      console.error('vfio: the trace contains no call to a device, so no file was written');
      return { exitCode: 1, isComplete: true };
    }
    writeFiles(trace, options);
    print(trace, source.exitCode, options);
    return { exitCode: 0, isComplete: true };
  } catch (error) {
    if (!signal.aborted) throw error;
    return { exitCode: interruption.exitCode, isComplete: false };
  } finally {
    interruption.close();
  }
}

function writeFiles(trace: Trace, { files, existing }: PageOptions): void {
  writeOutput(files.json, existing, (write) => {
    writeChromeTrace(trace, write);
  });
  writeOutput(files.html, existing, (write) => {
    writeTracePage(trace, write);
  });
}

function print(trace: Trace, exitCode: number | null, { files, asJson }: PageOptions): void {
  for (const gap of describeGaps(trace)) console.error(`vfio: ${printable(gap)}`);
  const { ended, findings } = trace;
  const vectors = summarize(trace);
  if (asJson) {
    console.log(toJson({ ...files, exitCode, ended, findings, vectors }));
    return;
  }
  console.error(`${tableOf(vectors)}\n${printable(`${files.html} ${files.json}`)}`);
  console.log(endOf(trace));
}

/** Whether a path can get a suffix. With a suffix, `.` and `/dev/null` would be unexpected names. */
function isName(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const isUsual = found === undefined || found.isFile() || found.isDirectory();
  return isUsual && !/(^|\/)\.{0,2}$/.test(path);
}
