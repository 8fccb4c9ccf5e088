import { readFileSync } from 'node:fs';
import { VfioError } from '../errors.js';
import { packageFile } from '../package-files.js';
import { printableLines } from '../printable.js';
import { parseLine } from './command.js';
import { COMMANDS, loadCommand } from './commands.js';
import { help } from './help.js';
import { isClosedPipe } from './output.js';
import { paint } from './terminal.js';
import { UsageError } from './usage.js';

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, summary]) => `  ${name.padEnd(12)}${summary}`);
  return `vfio <command> [options]

Drives a real PCI device through Linux VFIO, or a mock device with the same program.

${lines.join('\n')}

  vfio help <command>     arguments, options and examples; also vfio <command> --help
  vfio --version

A device is the address of a PCI function (0000:01:00.0, short 01:00.0), the vendor:device of
exactly one function, a mock device (mock:nvme, mock:edu), or the socket of a vfio-user server
(vfio-user:/run/nvme.sock). Exit code: 0 success, 1 failure, 2 wrong usage.`;
}

function version(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function main(line: string[]): Promise<number> {
  // `vfio help trace` is `vfio trace --help`.
  const [name, ...argv] = line[0] === 'help' ? [...line.slice(1, 2), '--help'] : line;
  if (name === '--version') {
    console.log(version());
    return 0;
  }
  if (name === '--help' || name === '-h' || name === undefined) {
    (name === undefined ? console.error : console.log)(overview());
    return name === undefined ? 2 : 0;
  }
  if (!Object.hasOwn(COMMANDS, name))
    throw new UsageError(`unknown command '${name}': see vfio --help`);
  const command = await loadCommand(name);
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (own.includes('--help') || own.includes('-h')) {
    console.log(help(name, command));
    return 0;
  }
  const parsed = parseLine(command, argv);
  for (const module of parsed.imports) await (await import('./import.js')).importModule(module);
  return command.run(parsed);
}

/**
 * Whether an error reports wrong usage: a `UsageError`, or an error of `parseArgs` (`node:util`).
 */
function isWrongUse(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return (
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  );
}

/**
 * Shortens a message to one line. From a message of `parseArgs`, the advice about arguments that
 * start with a dash is removed.
 */
function shorten(message: string): string {
  return message.split(/\. To specify |\n/, 1)[0] ?? message;
}

/** Whether the permission model of Node.js has refused an access. */
function isRestricted(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_ACCESS_DENIED';
}

/**
 * Whether an error is a failure of the system or wrong usage. Any other error is a bug in this
 * program.
 */
function isKnown(error: unknown): error is Error {
  if (error instanceof VfioError || isWrongUse(error)) return true;
  return error instanceof Error && ('syscall' in error || isRestricted(error));
}

function report(error: unknown): number {
  if (isClosedPipe(error)) return 1;
  const text = isKnown(error)
    ? shorten(error.message)
    : error instanceof Error
      ? error.stack
      : String(error);
  console.error(`${paint('red', 'vfio:', process.stderr)} ${printableLines(text ?? '')}`);
  if (error instanceof VfioError && error.hint !== undefined) {
    console.error(printableLines(error.hint));
  }
  return isWrongUse(error) ? 2 : 1;
}

/**
 * Runs a command line of `vfio`, for example `['list', '--json']`. Errors are written to standard
 * error.
 *
 * @returns the exit code: 0 success, 1 failure, 2 wrong usage
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  return main([...argv]).catch(report);
}
