import { existsSync } from 'node:fs';
import { defineCommand } from './command.js';
import { existingFiles, FORCE } from './files.js';
import { REGISTERS } from './register-file.js';
import { UsageError } from './usage.js';

const DEFAULT_NAME = 'vfio-trace';

export const command = defineCommand({
  about: `Runs a program that uses this library, and records calls, register accesses, interrupts
    and the delivery of interrupts. The command writes two files: <name>.json for Perfetto
    (ui.perfetto.dev), and the page <name>.html. The page has a timeline for each vector, marks
    late and lost interrupts, and explains why a program hangs. Existing files are replaced only
    with --force. With --log, the command writes a text with one line for each event, while the
    program runs. The exit code is the exit code of the program.

    Instead of a program, the command accepts a recording: the folder of VFIO_TRACE, or with --log
    also the file of VFIO_RECORD. The program can still run.`,
  operands: {
    recording: {
      help: 'the folder of VFIO_TRACE, or the file of VFIO_RECORD',
      optional: true,
      from: 'files',
    },
  },
  options: {
    log: { type: 'boolean', help: 'writes a text in the order of time, instead of the page' },
    output: {
      type: 'string',
      short: 'o',
      value: '<name>',
      from: 'files',
      help: `path of the two files, with or without .html or .json; default: ${DEFAULT_NAME}; with
        --log, path of the text; default: standard error, or standard output for a recording`,
    },
    force: FORCE,
    registers: REGISTERS,
    late: {
      type: 'string',
      value: '<µs>',
      help: `an interrupt is late if its delivery takes longer than this; default: ten times the
        median of the trace, and at least 1000`,
    },
    json: { type: 'boolean', help: 'prints the figures of each vector as JSON, not as a table' },
  },
  program: true,
  examples: [
    'vfio trace -- node driver.js 0000:01:00.0',
    'vfio trace --log -- node driver.js 0000:01:00.0',
  ],
  async run({ options, operands: { recording }, program }) {
    const { log, output, json } = options;
    const existing = existingFiles(options);
    const late = parseLate(options.late);
    if (recording === undefined && program.length === 0) {
      throw new UsageError('give a command after --, or a recording');
    }
    if (recording !== undefined && program.length > 0) {
      throw new UsageError('give either a command or a recording');
    }
    if (recording !== undefined && !existsSync(recording)) {
      throw new UsageError(
        `there is no recording '${recording}': give a command after --, or a recording`,
      );
    }
    if (log && json) throw new UsageError('--log and --json exclude each other');
    const name = output ?? DEFAULT_NAME;
    const { namesOf } = await import('./trace/names.js');
    const names = await namesOf(options.registers);
    if (!log) {
      const { checkPageFiles, pageOfProgram, pageOfRecording } = await import('./trace/page.js');
      const page = {
        files: checkPageFiles(name, existing),
        existing,
        late,
        asJson: json,
        names,
      };
      return recording === undefined
        ? pageOfProgram(program, page)
        : pageOfRecording(recording, page);
    }
    const { logProgram, logRecording, openLog } = await import('./trace/log.js');
    const stream = recording === undefined ? process.stderr : process.stdout;
    using text = openLog(output, existing, stream);
    return recording === undefined
      ? await logProgram(program, { output: name, names }, text.write)
      : await logRecording(recording, names, text.write);
  },
});

/** @returns nanoseconds, or null for the limit that depends on the trace */
function parseLate(late: string | undefined): number | null {
  if (late === undefined) return null;
  if (/^\d+(\.\d+)?$/.test(late)) return Number(late) * 1000;
  throw new UsageError(`--late must be a number of microseconds, not '${late}'`);
}
