#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { VfioError } from '../errors.js';
import { parseLine } from './command.js';
import { COMMANDS, loadCommand } from './commands.js';
import { help } from './help.js';
import { expectReaderToGo, isClosedPipe } from './output.js';
import { paint } from './terminal.js';
import { UsageError } from './usage.js';

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, summary]) => `  ${name.padEnd(12)}${summary}`);
  return `vfio <command> [options]

Drive a real PCI device through Linux VFIO, or the same program on a mock.

${lines.join('\n')}

  vfio <command> --help   what a command takes
  vfio --version

A device is the address of a PCI function (0000:01:00.0, short 01:00.0), its vendor:device if there
is only one such, or an imitation: mock:nvme, mock:edu. Exit code: 0 ok, 1 failed, 2 wrong use.`;
}

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === '--version') {
    console.log(version());
    return 0;
  }
  if (name === '--help' || name === '-h' || name === undefined) {
    (name === undefined ? console.error : console.log)(overview());
    return name === undefined ? 2 : 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`no command '${name}': see vfio --help`);
  const command = await loadCommand(name);
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (own.includes('--help') || own.includes('-h')) {
    console.log(help(name, command));
    return 0;
  }
  return command.run(parseLine(command, argv));
}

/** node:util's parseArgs says what is wrong with a command line in its own errors. */
function isWrongUse(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return (
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  );
}

/** One line: parseArgs goes on with advice about arguments that begin with a dash. */
function sentence(message: string): string {
  return message.split(/\. To specify |\n/, 1)[0] ?? message;
}

/** Failures of the system, by the library or by Node: one line. Anything else is our mistake. */
function isKnown(error: unknown): error is Error {
  if (error instanceof VfioError || isWrongUse(error)) return true;
  return error instanceof Error && 'syscall' in error;
}

function report(error: unknown): number {
  if (isClosedPipe(error)) return 1;
  const text = isKnown(error)
    ? sentence(error.message)
    : error instanceof Error
      ? error.stack
      : String(error);
  console.error(`${paint('red', 'vfio:', process.stderr)} ${text}`);
  if (error instanceof VfioError && error.hint !== undefined) console.error(error.hint);
  return isWrongUse(error) ? 2 : 1;
}

expectReaderToGo();
process.exitCode = await main(process.argv.slice(2)).catch(report);
