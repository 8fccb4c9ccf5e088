import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { temporaryFolder } from '../../../native/helpers.js';
import { root } from '../../../rooms.js';
import { type GuestOptions, type GuestOutput, runGuest } from '../guest.js';

/** A line of `vfio serve --json`. */
interface Line {
  readonly event: string;
  readonly why?: string;
  readonly message?: string;
}

/** A process of `vfio serve`. */
export class Server {
  readonly path = join(temporaryFolder(), 's');
  /** The errors that the server reported. */
  readonly errors: string[] = [];
  readonly #events = new EventEmitter();
  readonly #process: ChildProcess;

  private constructor(args: readonly string[]) {
    const cli = join(root, 'dist/lib/cli/main.js');
    const all = [cli, 'serve', ...args, '--socket', this.path, '--json'];
    const server = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = server;
    createInterface(server.stdout).on('line', (line) => {
      const { event, why, message } = JSON.parse(line) as Line;
      if (message !== undefined) this.errors.push(message);
      this.#events.emit(event, why);
    });
  }

  /** Starts a server, which ends when the test ends. */
  static async start(t: ExecutionContext, ...args: readonly string[]): Promise<Server> {
    const server = new Server(args);
    t.teardown(() => server.kill());
    await server.next('serving');
    return server;
  }

  /** Waits for an event: `serving`, `client` or `gone`. @returns why a client is gone */
  async next(event: string): Promise<string> {
    const [why] = (await once(this.#events, event)) as [string];
    return why;
  }

  /** Kills the process, and waits for its end. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }
}

/** Runs a shell script of this folder in a guest without other devices. */
export function runScript(
  name: string,
  options: Omit<GuestOptions, 'command' | 'args'>,
): Promise<GuestOutput> {
  return runGuest({
    command: 'sh',
    args: [join(root, 'test/lab/host/served', name)],
    kernel: 'debian-6.12',
    devices: [],
    ...options,
  });
}
