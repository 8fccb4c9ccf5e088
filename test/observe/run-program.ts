import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Returns the path of a compiled program of `test/observe/programs`. */
export function programPath(name: string): string {
  return fileURLToPath(new URL(`programs/${name}.js`, import.meta.url));
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Maximum size of each file that the program writes, in blocks of 512 bytes. */
  readonly fileBlocks?: number;
}

/** Runs a command in a separate process, with variables of the environment. */
export function runCommand(
  [file = '', ...args]: readonly string[],
  { env = {}, cwd = process.cwd(), fileBlocks }: RunOptions = {},
): Promise<Ended> {
  const limit = fileBlocks === undefined ? [] : ['sh', '-c', `ulimit -f ${fileBlocks}; exec "$@"`];
  const [command = '', ...rest] = [...limit, ...(limit.length === 0 ? [] : ['sh']), file, ...args];
  // Node writes coverage into files, for which the limit would count, too.
  const coverage = fileBlocks === undefined ? {} : { NODE_V8_COVERAGE: undefined };
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...coverage, ...env } };
    execFile(command, rest, options, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

/** Runs a program of `test/observe/programs`. */
export function runProgram(
  name: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  return runCommand([process.execPath, programPath(name), ...args], options);
}
