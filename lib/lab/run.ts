import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Duplex, Readable, Writable } from 'node:stream';
import { VfioError } from '../errors.js';
import { CHANNELS, FIRST_CHANNEL_FD } from './machine.js';

/** Longer than any guest needs to come up, shorter than anybody waits. */
const BOOT_TIMEOUT = 120_000;
const LAST_LINES = 30;
/** The guest's first word, when it starts the command. */
const READY = 'ready\n';

export interface Run {
  readonly qemu: string;
  readonly args: readonly string[];
  /** Where QEMU writes the kernel's messages. */
  readonly console: string;
  readonly stdin: Readable | undefined;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether the command talks to our terminal. */
  readonly terminal: boolean;
  /** Milliseconds until the guest is ended; no limit when undefined. */
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** The command begins. */
  readonly onReady: () => void;
}

function channel(qemu: ChildProcess, name: (typeof CHANNELS)[number]): Duplex {
  return qemu.stdio[FIRST_CHANNEL_FD + CHANNELS.indexOf(name)] as Duplex;
}

/** Gives the command what there is to read, and its end. @returns what stops that */
function feed(stdin: Duplex, input: Readable | undefined): () => void {
  // The machine may end with input under way.
  stdin.on('error', () => undefined);
  if (input === undefined) {
    stdin.end();
    return () => undefined;
  }
  input.pipe(stdin);
  return () => {
    input.unpipe(stdin);
    input.pause();
  };
}

/** The end of what the kernel and QEMU said, for a person who wonders why the guest is gone. */
function lastWords(console: string, qemu: string): string {
  let kernel = '';
  try {
    kernel = readFileSync(console, 'utf8');
  } catch {
    // QEMU ended before there was one.
  }
  const lines = `${kernel}\n${qemu}`.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return lines.slice(-LAST_LINES).join('\n');
}

/**
 * Starts the machine, streams what the command prints, and ends the machine with the command.
 *
 * @returns the command's exit code; 128 and its number after a signal
 * @throws VfioError `EIO` when the guest ended before the command (what it said last goes to
 * `stderr`), `ETIMEDOUT`; the reason of `signal` when it was aborted.
 */
export async function run(options: Run): Promise<number> {
  options.signal?.throwIfAborted();
  const usual = options.terminal ? 'inherit' : 'ignore';
  const qemu = spawn(options.qemu, options.args, {
    stdio: [usual, usual, 'pipe', ...CHANNELS.map(() => 'pipe' as const)],
  });

  let exitCode: number | undefined;
  let failure: Error | undefined;
  const end = (reason?: Error): void => {
    failure ??= reason;
    // A QEMU that was killed could not give us our terminal back as it was.
    qemu.kill(options.terminal ? 'SIGTERM' : 'SIGKILL');
  };
  const endAfter = (milliseconds: number | undefined, what: string): NodeJS.Timeout | undefined => {
    if (milliseconds === undefined) return undefined;
    const message = `${what} after ${milliseconds / 1000} s`;
    return setTimeout(() => {
      end(new VfioError({ code: 'ETIMEDOUT', message }));
    }, milliseconds);
  };
  const abort = (): void => {
    end(options.signal?.reason as Error);
  };
  const boot = endAfter(BOOT_TIMEOUT, 'the guest was not up');
  const limit = endAfter(options.timeout, 'the command was not done');
  options.signal?.addEventListener('abort', abort, { once: true });

  let complaints = '';
  qemu.stderr?.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  for (const name of ['stdout', 'stderr'] as const) {
    channel(qemu, name).pipe(options[name], { end: false });
    // Nobody reads on, as in `vfio lab … | head`.
    options[name].on('error', end);
  }
  const stopFeeding = feed(channel(qemu, 'stdin'), options.stdin);
  let said = '';
  channel(qemu, 'control')
    .setEncoding('utf8')
    .on('data', (text: string) => {
      const wasUp = said.startsWith(READY);
      said += text;
      if (!wasUp && said.startsWith(READY)) {
        clearTimeout(boot);
        options.onReady();
      }
      const code = /^exit (\d+)\n/m.exec(said)?.[1];
      if (code === undefined) return;
      exitCode = Number(code);
      end();
    });

  try {
    // Comes after everything that was written to the channels has been read.
    await once(qemu, 'close');
  } finally {
    stopFeeding();
    clearTimeout(boot);
    clearTimeout(limit);
    options.signal?.removeEventListener('abort', abort);
    options.stdout.off('error', end);
    options.stderr.off('error', end);
  }
  if (exitCode !== undefined) return exitCode;
  const up = said.startsWith(READY);
  const unexplained = failure === undefined || (failure instanceof VfioError && !up);
  if (unexplained) options.stderr.write(`${lastWords(options.console, complaints)}\n`);
  const what = up ? 'before the command' : 'before it was up';
  throw failure ?? new VfioError({ code: 'EIO', message: `the guest ended ${what}` });
}
