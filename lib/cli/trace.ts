import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { VfioError } from '../errors.js';
import { printable } from '../printable.js';
import type { VectorSummary } from '../observe/trace/index.js';
import { defineCommand } from './command.js';
import { checkOutput, existingFiles, FORCE, writeOutput } from './files.js';
import { Interruption } from './interruption.js';
import { toJson } from './json.js';
import { withProgress } from './progress.js';
import { UsageError } from './usage.js';

/**
 * Exit codes that a shell returns: 127 for a program that does not exist, 126 for a program that
 * cannot be run.
 */
const NOT_FOUND = 127;
const NOT_RUN = 126;

export const command = defineCommand({
  about: `Runs a program that uses this library, and records calls, register accesses, interrupts
    and the delivery of interrupts. The command writes two files: <name>.json for Perfetto
    (ui.perfetto.dev), and the page <name>.html. The page has a timeline for each vector and marks
    late and lost interrupts. Existing files are replaced only with --force. The exit code is the
    exit code of the program.`,
  operands: {},
  options: {
    output: {
      type: 'string',
      short: 'o',
      value: '<name>',
      default: 'vfio-trace',
      from: 'files',
      help: 'path of the two files, with or without .html or .json; default: vfio-trace',
    },
    force: FORCE,
    late: {
      type: 'string',
      value: '<µs>',
      default: '1000',
      help: 'an interrupt is late if its delivery takes longer than this; default 1000',
    },
    json: { type: 'boolean', help: 'prints the figures of each vector as JSON, not as a table' },
  },
  program: true,
  examples: ['vfio trace -- node driver.js 0000:01:00.0'],
  async run({ options, program }) {
    const { late, json } = options;
    if (program.length === 0) throw new UsageError('give a command after --');
    if (!/^\d+(\.\d+)?$/.test(late)) {
      throw new UsageError(`--late must be a number of microseconds, not '${late}'`);
    }
    const existing = existingFiles(options);
    // The names are checked before the program starts, because the program can run for hours.
    const output = options.output.replace(/\.(html|json)$/, '');
    if (!isName(output))
      throw new UsageError(`--output must be a name for new files, not '${options.output}'`);
    const files = { json: `${output}.json`, html: `${output}.html` };
    for (const path of Object.values(files)) checkOutput(path, existing);
    const folder = makeRawFolder(output);
    const { exitCode, ran } = await runTraced(program, folder);
    const interruption = new Interruption();
    try {
      const vectors = ran ? await makePage(interruption.signal) : null;
      rmSync(folder, { recursive: true, force: true });
      if (vectors === null) return exitCode === 0 ? 1 : exitCode;
      if (json) console.log(toJson({ ...files, exitCode, vectors }));
      else console.error(`${tableOf(vectors)}\n${printable(`${files.html} ${files.json}`)}`);
      return exitCode;
    } catch (error) {
      if (existsSync(folder)) console.error(`vfio: the raw data is kept in ${printable(folder)}`);
      if (interruption.signal.aborted) return interruption.exitCode;
      throw error;
    } finally {
      interruption.close();
    }

    /** Writes both files. Returns the statistics of each vector, or null if the trace is empty. */
    async function makePage(signal: AbortSignal): Promise<VectorSummary[] | null> {
      const { describeGaps, readTrace, summarize, writeChromeTrace, writeTracePage } =
        await import('../observe/trace/index.js');
      const reading = readTrace(folder, program.join(' '), Number(late) * 1000, signal);
      const trace = await withProgress('reading the trace', reading);
      if (trace.threads.length === 0) {
        console.error('vfio: the trace contains no call to a device, so no file was written');
        return null;
      }
      writeOutput(files.json, existing, (write) => {
        writeChromeTrace(trace, write);
      });
      writeOutput(files.html, existing, (write) => {
        writeTracePage(trace, write);
      });
      for (const gap of describeGaps(trace)) console.error(`vfio: ${printable(gap)}`);
      return summarize(trace);
    }
  },
});

/** Whether a path can get a suffix. With a suffix, `.` and `/dev/null` would be unexpected names. */
function isName(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const isUsual = found === undefined || found.isFile() || found.isDirectory();
  return isUsual && !/(^|\/)\.{0,2}$/.test(path);
}

/** Makes the folder for the raw data beside the output, because /tmp can be a disk in memory. */
function makeRawFolder(output: string): string {
  try {
    return mkdtempSync(`${output}-raw-`);
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall, path: output, cause });
  }
}

interface Ended {
  readonly exitCode: number;
  /** False if the program could not be started. */
  readonly ran: boolean;
}

async function runTraced([file = '', ...args]: readonly string[], folder: string): Promise<Ended> {
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
    return {
      exitCode: code ?? 128 + (signal === null ? 0 : osConstants.signals[signal]),
      ran: true,
    };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const error = new VfioError({ code, syscall: 'spawn', path: file, cause });
    console.error(`vfio: ${printable(error.message)}`);
    return { exitCode: code === 'ENOENT' ? NOT_FOUND : NOT_RUN, ran: false };
  } finally {
    process.off('SIGINT', ignore).off('SIGQUIT', ignore).off('SIGTERM', forward);
  }
}

const µs = (ns: number | undefined): string => (ns === undefined ? '–' : (ns / 1000).toFixed(1));

function tableOf(vectors: readonly VectorSummary[]): string {
  const rows = [
    ['device', 'vector', 'interrupts', 'deliveries', 'median µs', 'max µs', 'late', 'lost'],
    ...vectors.map(({ device, irq, vector, interrupts, deliveries, latency, late, lost }) => [
      printable(device),
      `${irq} ${vector}`,
      ...[interrupts, deliveries].map(String),
      µs(latency?.median),
      µs(latency?.max),
      ...[late, lost].map(String),
    ]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}
