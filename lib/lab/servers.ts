import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { isVfioUserName, VFIO_USER_PREFIX } from '../contract/names.js';
import { VfioError } from '../errors.js';
import { packageFile } from '../package-files.js';
import { printableLines } from '../printable.js';

/** The command line of this package. */
export const COMMAND_LINE = packageFile('dist/lib/cli/main.js');

/** Time between SIGTERM and SIGKILL at the end of a server, in ms. */
const END_TIMEOUT_MS = 5000;

/** Options of {@link startServers}. */
export interface ServersOptions {
  /** The folder in which the sockets are created. */
  readonly folder: string;
  /** The modules that each process imports first. */
  readonly imports: readonly string[];
  /** Called with each message of a server for the user. */
  readonly onMessage: (text: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** The sockets of the served devices. */
export interface Servers {
  /** Path of the socket of each device. */
  readonly sockets: readonly string[];
  /** Ends the processes that serve the devices. */
  close(): Promise<void>;
}

/** A line that `vfio serve --json` prints. */
interface ServerEvent {
  readonly event: 'serving' | 'client' | 'gone' | 'unshared' | 'error' | 'output';
  readonly message?: string;
}

/** Parses a line of a server. Another line is the output of a device model. */
function parseEvent(line: string): ServerEvent {
  try {
    const value = JSON.parse(line) as ServerEvent | null;
    if (typeof value?.event === 'string') return value;
  } catch {
    // The line is not JSON.
  }
  return { event: 'output', message: line };
}

/**
 * Serves devices to the guest. A process of `vfio serve` serves each device, so the program that
 * starts the lab can be busy or blocked while the guest uses a device.
 *
 * @param devices - names of devices, or `vfio-user:<path>` for a device that another program serves
 * @throws VfioError `ENOENT` if no socket is at a path; the error of the server if a device cannot be
 *   served; the reason of the signal after an abort
 */
export async function startServers(
  devices: readonly string[],
  options: ServersOptions,
): Promise<Servers> {
  const processes: Server[] = [];
  const close = async () => {
    await Promise.all(processes.map((server) => end(server)));
  };
  const sockets: string[] = [];
  try {
    for (const [index, device] of devices.entries()) {
      if (isVfioUserName(device)) {
        sockets.push(findSocket(device.slice(VFIO_USER_PREFIX.length)));
        continue;
      }
      const socket = join(options.folder, `served${index}`);
      const server = spawnServer(device, socket, options.imports);
      processes.push(server);
      await untilServing(server, device, options);
      sockets.push(socket);
    }
    return { sockets, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Server = ReturnType<typeof spawnServer>;

/** Starts `vfio serve`, which ends after its first client. */
function spawnServer(device: string, socket: string, imports: readonly string[]) {
  const args = [COMMAND_LINE, 'serve', device, '--socket', socket, '--once', '--json'];
  for (const module of imports) args.push(`--import=${module}`);
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function findSocket(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) return resolve(path);
  const hint = 'Start the server first, for example: vfio serve mock:nvme --socket <path>.';
  throw new VfioError({ code: 'ENOENT', message: 'no socket of a served device', path, hint });
}

async function end(server: Server): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  // A device model that never returns prevents the handling of SIGTERM.
  const timer = setTimeout(() => server.kill('SIGKILL'), END_TIMEOUT_MS);
  server.kill('SIGTERM');
  await once(server, 'exit');
  clearTimeout(timer);
}

/** Waits until a server listens. Later messages of the server are passed on. */
async function untilServing(
  server: Server,
  device: string,
  { onMessage, signal }: ServersOptions,
): Promise<void> {
  let isServing = false;
  let errors = '';
  const say = (text: string) => {
    onMessage(`${device}: ${printableLines(text.trim())}`);
  };
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (isServing) say(text);
    else errors += text;
  });
  const lines = createInterface(server.stdout);
  await new Promise<void>((done, fail) => {
    const abort = () => {
      fail(signal?.reason as Error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    lines.on('line', (line) => {
      const { event, message } = parseEvent(line);
      if (message !== undefined) say(message);
      if (event !== 'serving') return;
      isServing = true;
      signal?.removeEventListener('abort', abort);
      done();
    });
    // The process could not be started.
    server.once('error', fail);
    // The event `close` is emitted after all output was read.
    server.once('close', (code, signalName) => {
      const why = signalName ?? `exit code ${code}`;
      if (isServing && code !== 0 && signalName !== 'SIGTERM') say(`the server ended: ${why}`);
      fail(toError(device, errors, why));
    });
  });
}

/** Converts the error that a command prints: `vfio: <code>: <message>`, and the hint. */
function toError(device: string, errors: string, why: string): VfioError {
  const [, code = 'EIO', reason = '', hint = ''] =
    /^vfio: (?:(E[A-Z]+): )?(.*)\n?([^]*)$/.exec(errors) ?? [];
  const message = `${device} cannot be served: ${printableLines(reason) || why}`;
  return new VfioError({ code, message, hint: printableLines(hint.trim()) || undefined });
}
