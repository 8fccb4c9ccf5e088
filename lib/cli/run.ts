import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { VfioError } from '../errors.js';
import type { RecordedChanges } from '../run/changes.js';
import type { Reply } from '../run/run.js';
import type { RecordFile } from '../observe/record/index.js';
import { defineCommand } from './command.js';
import { isMockName } from '../contract/names.js';
import { VIAS } from '../contract/open-options.js';
import { openConnection } from './devices.js';
import { checkOutput, createOutput, existingFiles, FORCE, type Existing } from './files.js';
import { toJsonLine } from './json.js';
import { readLines } from './lines.js';
import { outputClosed } from './output.js';
import { loadRegisters, REGISTERS } from './register-file.js';
import { describeOperations } from './run-registers.js';
import { VF_TOKEN } from './token.js';
import { parseChoice, UsageError } from './usage.js';

const KERNELS = ['6.1', '6.12', '7.2', '7.3'] as const;
const SWITCH = ['on', 'off'] as const;

export const command = defineCommand({
  about: `Runs a script of operations on a device. Each line of the script is a JSON object with one
    operation. The script is read from a file or from standard input. The command prints one JSON
    object with the answer to each operation. Operations are not checked, so a wrong operation
    reaches the kernel. A record is a script that also contains the answers. If an answer differs
    from the record, the output contains the old answer as "recorded", the replay stops, and the
    exit code is 1. docs/run.md lists the operations.`,
  operands: {
    device: { from: 'devices', help: 'an address such as 0000:01:00.0, or mock:nvme, mock:edu' },
    script: { from: 'files', optional: true },
  },
  options: {
    via: { type: 'string', value: 'group|cdev', words: VIAS, help: 'the VFIO interface to use' },
    'vf-token': VF_TOKEN,
    'mock-kernel': {
      type: 'string',
      value: '<which>',
      words: KERNELS,
      help: '6.1, 6.12, 7.2 or 7.3: the kernel that the mock emulates',
    },
    'mock-dmabuf': {
      type: 'string',
      value: 'on|off',
      words: SWITCH,
      help: 'whether the emulated kernel exports dma-bufs',
    },
    record: {
      type: 'string',
      value: '<file>',
      from: 'files',
      help: 'writes the operations and their answers to a file',
    },
    force: FORCE,
    registers: REGISTERS,
    'keep-going': {
      type: 'boolean',
      help: 'continues after an answer that differs from the record',
    },
  },
  examples: [`echo '{"op":"info"}' | vfio run mock:edu`],
  async run({ options, operands: { device, script } }) {
    const via = parseChoice('--via', options.via, VIAS);
    const name = nameWith(device, {
      kernel: parseChoice('--mock-kernel', options['mock-kernel'], KERNELS),
      dmabuf: parseChoice('--mock-dmabuf', options['mock-dmabuf'], SWITCH),
    });
    const existing = existingFiles(options);
    if (options.record !== undefined) {
      if (script !== undefined && isSameFile(script, options.record)) {
        throw new UsageError('--record would overwrite the script');
      }
      checkOutput(options.record, existing);
    }
    const describe = await describeOperations(await loadRegisters(options.registers));
    const { runLine } = await import('../run/run.js');
    const { Session } = await import('../run/session.js');
    const { RecordedChanges } = await import('../run/changes.js');
    const changes = new RecordedChanges();
    // A pipe can be read only once.
    if (script !== undefined && isFile(script)) await scanScript(script, changes);
    using opened = script === undefined ? null : await openScript(script);
    const input = opened?.stream ?? process.stdin;
    const session = new Session(await openConnection(name, { ...options, via }), changes);
    /** Number of the current line in the script. */
    let number = 0;
    let lines = 0;
    let different = 0;
    try {
      // An existing record is replaced only after the device was opened.
      const record =
        options.record === undefined ? null : await createRecord(options.record, existing);
      for await (const line of readLines(input, outputClosed)) {
        number++;
        if (line.trim() === '') continue;
        const reply = await runLine(session, line);
        console.log(toJsonLine(withLine(number, describe(line, reply))));
        lines++;
        record?.writeScriptLine(line, reply);
        if (!('recorded' in reply)) continue;
        different++;
        if (!options['keep-going']) break;
        console.error(`vfio: line ${number}: the answer differs from the record`);
      }
    } finally {
      session.close();
    }
    if (different === 0) return 0;
    console.error(
      options['keep-going']
        ? `vfio: ${different} of ${lines} answers differ from the record`
        : `vfio: line ${number}: the answer differs from the record, so the replay stopped`,
    );
    return 1;
  },
});

/** Adds the number of the line to the message of an invalid line. */
function withLine(number: number, reply: Reply): Reply {
  const { message } = reply;
  return typeof message === 'string' ? { ...reply, message: `line ${number}: ${message}` } : reply;
}

/** Appends settings to the name of a mock device, as in `mock:edu?kernel=6.1`. */
function nameWith(name: string, settings: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  if (given.length === 0) return name;
  if (!isMockName(name)) throw new UsageError(`'${name}' is not a mock device`);
  const text = given.map(([key, value]) => `${key}=${String(value)}`).join('&');
  return `${name}${name.includes('?') ? '&' : '?'}${text}`;
}

/** Opens a script. The caller disposes of the result, also if the script was not read. */
async function openScript(path: string): Promise<{ readonly stream: Readable } & Disposable> {
  try {
    const stream = (await open(path)).createReadStream();
    return {
      stream,
      [Symbol.dispose]() {
        stream.destroy();
      },
    };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new VfioError({ code, syscall: 'open', path, cause });
  }
}

/** Reads a script once before the script is run. A record that cannot be replayed is refused. */
async function scanScript(path: string, changes: RecordedChanges): Promise<void> {
  using script = await openScript(path);
  for await (const line of readLines(script.stream, outputClosed)) changes.scan(line);
  const { refusal } = changes;
  if (refusal === null) return;
  const hint = "let the driver allocate the memory with access: 'read' or access: 'write'";
  throw new VfioError({ code: 'ENOTSUP', message: `the record is refused: ${refusal}`, hint });
}

async function createRecord(path: string, existing: Existing): Promise<RecordFile> {
  const { RecordFile } = await import('../observe/record/index.js');
  return new RecordFile(createOutput(path, existing));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isSameFile(a: string, b: string): boolean {
  if (resolve(a) === resolve(b)) return true;
  const [first, second] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}
