import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The package's root. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

const binding = new URL('../../lib/native/binding.js', import.meta.url).href;

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Creates a temporary folder, which is removed when the process exits. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-test-'));
  folders.push(folder);
  return folder;
}

/** Creates a temporary file of `size` zero bytes. @returns its path */
export function temporaryFile(size: number): string {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, new Uint8Array(size));
  return path;
}

/**
 * Collects garbage and waits until the finalizers have run. The finalizers run in later turns of
 * the event loop.
 */
export async function collectGarbage(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
    globalThis.gc();
    await setImmediate();
  }
}

/**
 * Returns the entry of /proc/self/smaps for the mapping that contains an address. Returns an empty
 * string if nothing is mapped at the address.
 */
export function mappingAt(address: bigint): string {
  const smaps = readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const has = (mapping: string) => {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(mapping) ?? [];
    return BigInt(`0x${start ?? '0'}`) <= address && address < BigInt(`0x${end ?? '0'}`);
  };
  return smaps.find(has) ?? '';
}

/**
 * Moves the memory of an ArrayBuffer to a new ArrayBuffer. Node 20 has no
 * `ArrayBuffer.prototype.transfer`. Some newer versions refuse to transfer external memory by
 * `structuredClone`.
 */
export function transfer(buffer: ArrayBuffer): ArrayBuffer {
  const movable = buffer as ArrayBuffer & { transfer?: () => ArrayBuffer };
  return movable.transfer?.() ?? structuredClone(buffer, { transfer: [buffer] });
}

/** Returns the number of open file descriptors of the process. */
export function countFds(): number {
  return readdirSync('/proc/self/fd').length;
}

export interface Outcome {
  code: number | null;
  signal: string | null;
  output: string;
}

/**
 * Runs a program in a child process. The program can call `load()` to load the addon, and
 * `output(line)` to print a line. The outcome shows whether the process hangs and whether a signal
 * ends the process.
 */
export function runChild(
  program: string,
  environment: Record<string, string> = {},
): Promise<Outcome> {
  const source = `
    import { writeSync } from 'node:fs';
    const output = (line) => writeSync(1, line + '\\n');
    const load = async () => (await import('${binding}')).native();
    ${program}`;
  return run(['--expose-gc', '--input-type=module', '-e', source], environment);
}

/**
 * Runs a program in a worker of a child process. Only the worker loads the addon, so the addon is
 * unloaded with the worker. The program can use `native`, `post(message)` and `file`. `file` is the
 * path of a file of 8 KiB.
 * @param main - statements of the main thread. `start()` makes a worker. `next()` waits for the
 *   next message of the worker. `open()` describes the open resources of the process
 */
export function runWorker(
  program: string,
  main: string,
  environment: Record<string, string> = {},
): Promise<Outcome> {
  const file = temporaryFile(8192);
  const worker = `
    const { parentPort } = require('node:worker_threads');
    const post = (message) => parentPort.postMessage(message);
    const file = '${file}';
    import('${binding}').then(async (module) => {
      const native = module.native();
      ${program}
    });`;
  const source = `
    import { once } from 'node:events';
    import { readFileSync, readdirSync, writeSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    const output = (line) => writeSync(1, line + '\\n');
    const pages = () => Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[0]);
    const open = () => {
      const count = readdirSync('/proc/self/fd').length;
      const mapped = readFileSync('/proc/self/maps', 'latin1').split('${file}').length - 1;
      // Whole GiB of address space, since a worker uses less than that for itself.
      return count + ' fds, ' + mapped + ' mappings, ' + Math.round((pages() - pagesBefore) / 2 ** 18) + ' GiB';
    };
    let worker;
    const start = () => (worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [] }));
    const next = async () => (await once(worker, 'message'))[0];
    // Node keeps open what the first worker needs, so one worker runs before the count.
    await once(new Worker('', { eval: true, execArgv: [] }), 'exit');
    const pagesBefore = pages();
    const before = open();
    ${main}`;
  return run(['--expose-gc', '--input-type=module', '-e', source], environment);
}

function run(args: string[], environment: Record<string, string>): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { env: { ...process.env, ...environment }, timeout: 300_000, killSignal: 'SIGKILL' },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr });
      },
    );
  });
}

/** The folder with the Node-API headers. */
export const nodeApi = join(root, 'node_modules/node-api-headers/include');

/** Compiles source files of native/ into the file `to`. Uses the same compiler as the addon. */
export function compile(to: string, flags: readonly string[], ...sources: string[]): void {
  compileWith(process.env.CXX ?? 'g++', to, flags, ...sources);
}

/** The compiled test programs. When node-gyp builds the addon, node-gyp empties the folder. */
const compiled = join(root, 'build/test-programs');

/** Returns a hash of a command line and of all files in native/ that the command can read. */
function hashOf(command: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(command));
  const native = join(root, 'native');
  for (const name of readdirSync(native, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(cc|h)$/.test(name)) continue;
    hash.update(`${name}\n`).update(readFileSync(join(native, name)));
  }
  return hash.digest('hex');
}

/**
 * Compiles source files of native/ with a compiler. If the result of the same compilation exists, the
 * function copies this result.
 */
export function compileWith(
  compiler: string,
  to: string,
  flags: readonly string[],
  ...sources: string[]
): void {
  const paths = sources.map((source) => join(root, 'native', source));
  for (const path of paths) if (!existsSync(path)) throw new Error(`no such file: ${path}`);
  const args = ['-std=c++17', '-O1', ...flags, ...paths];
  const cached = join(compiled, hashOf([compiler, ...args]));
  if (!existsSync(cached)) {
    mkdirSync(compiled, { recursive: true });
    execFileSync(compiler, [...args, '-o', to]);
    const copy = `${cached}.${process.pid}`;
    copyFileSync(to, copy);
    renameSync(copy, cached);
  } else {
    copyFileSync(cached, to);
  }
}

/**
 * Compiles the fake kernel (native/test/preload.cc).
 * @returns the environment variables of a child process that uses the fake kernel; VFIO_TEST_LOG is
 *   the path of the log
 */
export function fakeKernel(): { LD_PRELOAD: string; VFIO_TEST_LOG: string } {
  const folder = temporaryFolder();
  const library = join(folder, 'preload.so');
  compile(library, ['-shared', '-fPIC'], 'test/preload.cc', 'test/fake_ioctl.cc');
  // If the addon uses a sanitizer, the sanitizer library must be the first preloaded library.
  const preloaded = process.env.LD_PRELOAD;
  return {
    LD_PRELOAD: preloaded === undefined ? library : `${preloaded}:${library}`,
    VFIO_TEST_LOG: join(folder, 'log'),
  };
}
