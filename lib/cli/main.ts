#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import { VfioError } from '../errors.js';
import { UsageError } from './usage.js';

/** What every command's module exports. */
interface Command {
  readonly summary: string;
  readonly usage: string;
  /** Resolves to the exit code: 0 ok, 1 failed. */
  run(argv: string[]): Promise<number>;
}

/** A command is the file of its name, loaded when it is asked for. */
const COMMANDS = ['demo', 'lab', 'run', 'trace'];

async function load(name: string): Promise<Command> {
  return (await import(`./${name}.js`)) as Command;
}

async function help(): Promise<string> {
  const commands = await Promise.all(COMMANDS.map(load));
  const lines = commands.map(
    ({ summary }, index) => `  ${(COMMANDS[index] ?? '').padEnd(8)}${summary}`,
  );
  return `vfio <command> [options]

Drive a real PCI device through Linux VFIO, or the same program on a mock.

${lines.join('\n')}

  vfio <command> --help   what a command takes
  vfio --version`;
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
  if (name === '--help' || name === undefined) {
    (name === undefined ? console.error : console.log)(await help());
    return name === undefined ? 2 : 0;
  }
  if (!COMMANDS.includes(name)) throw new UsageError(`no command '${name}'; see vfio --help`);
  const command = await load(name);
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (own.includes('--help')) {
    console.log(command.usage);
    return 0;
  }
  return command.run(argv);
}

/** node:util's parseArgs says what is wrong with a command line in its own errors. */
function isWrongUse(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return (
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  );
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

function report(error: unknown): number {
  if (isClosedPipe(error)) return 1;
  const known = error instanceof VfioError || isWrongUse(error);
  const text = known ? error.message : error instanceof Error ? error.stack : String(error);
  console.error(`${styleText('red', 'vfio:')} ${text}`);
  if (error instanceof VfioError && error.hint !== undefined) console.error(error.hint);
  return isWrongUse(error) ? 2 : 1;
}

// Whoever read our output has seen enough, as in `vfio … | head`.
process.stdout.on('error', (error) => {
  if (!isClosedPipe(error)) throw error;
});

process.exitCode = await main(process.argv.slice(2)).catch(report);
