import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Duplex, Readable, Writable } from 'node:stream';
import { VfioError } from '../errors.js';
import { printableLines } from '../printable.js';
import type { Program } from './debian-program.js';
import { CHANNELS, FIRST_CHANNEL_FD } from './machine.js';

/** Time limit for the boot of the guest, in ms. Even a slow guest boots faster. */
const BOOT_TIMEOUT_MS = 120_000;
const LAST_LINES = 30;
/** The first message of the guest. The guest sends this message when the command starts. */
const READY = 'ready\n';

export interface Run {
  readonly qemu: Program;
  readonly args: readonly string[];
  /** Path of the file to which QEMU writes the kernel's messages. */
  readonly console: string;
  readonly stdin: Readable | undefined;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether the command uses this process's terminal. */
  readonly terminal: boolean;
  /** Time limit of the guest, in ms; no limit if undefined. */
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called when the command starts. */
  readonly onReady: () => void;
}

function channel(qemu: ChildProcess, name: (typeof CHANNELS)[number]): Duplex {
  return qemu.stdio[FIRST_CHANNEL_FD + CHANNELS.indexOf(name)] as Duplex;
}

/**
 * Copies the input to the command's standard input.
 *
 * @returns a function that stops the copying
 */
function feed(stdin: Duplex, input: Readable | undefined): () => void {
  // The guest can end while this process is still writing input.
  stdin.on('error', () => undefined);
  // The guest waits for this line, because a port that is not yet connected reads like a closed port.
  stdin.write('\n');
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

/**
 * Returns the last messages of the kernel and of QEMU. If the guest ended early, these messages
 * explain the reason.
 */
function readLastLines(console: string, qemu: string): string {
  let kernel = '';
  try {
    kernel = readFileSync(console, 'utf8');
  } catch {
    // QEMU ended before QEMU created the file.
  }
  const lines = `${kernel}\n${qemu}`.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return printableLines(lines.slice(-LAST_LINES).join('\n'));
}

/**
 * Starts the guest and streams the output of the command. The guest ends when the command ends.
 *
 * @returns the command's exit code, or 128 plus the signal number if a signal ended the command
 * @throws VfioError `EIO` if the guest ended before the command (the guest's last messages are
 *   written to `stderr`), `ETIMEDOUT` after the timeout; the reason of `signal` after an abort
 */
export async function run(options: Run): Promise<number> {
  options.signal?.throwIfAborted();
  const usual = options.terminal ? 'inherit' : 'ignore';
  const { file, args, env } = options.qemu;
  const qemu = spawn(file, [...args, ...options.args], {
    env,
    stdio: [usual, usual, 'pipe', ...CHANNELS.map(() => 'pipe' as const)],
  });

  let exitCode: number | undefined;
  let failure: Error | undefined;
  const end = (reason?: Error): void => {
    failure ??= reason;
    // With a terminal, SIGTERM is used, because QEMU cannot restore the terminal after SIGKILL.
    qemu.kill(options.terminal ? 'SIGTERM' : 'SIGKILL');
  };
  const endAfter = (milliseconds: number | undefined, what: string): NodeJS.Timeout | undefined => {
    if (milliseconds === undefined) return undefined;
    const message = `${what} within ${milliseconds / 1000} s`;
    return setTimeout(() => {
      end(new VfioError({ code: 'ETIMEDOUT', message }));
    }, milliseconds);
  };
  const abort = (): void => {
    end(options.signal?.reason as Error);
  };
  const boot = endAfter(BOOT_TIMEOUT_MS, 'the guest did not boot');
  const limit = endAfter(options.timeout, 'the command did not end');
  options.signal?.addEventListener('abort', abort, { once: true });

  let complaints = '';
  qemu.stderr?.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  for (const name of ['stdout', 'stderr'] as const) {
    channel(qemu, name).pipe(options[name], { end: false });
    // An error occurs if the reader of the output closed the pipe, for example in
    // `vfio lab … | head`.
    options[name].on('error', end);
  }
  const stopFeeding = feed(channel(qemu, 'stdin'), options.stdin);
  let messages = '';
  channel(qemu, 'control')
    .setEncoding('utf8')
    .on('data', (text: string) => {
      const wasUp = messages.startsWith(READY);
      messages += text;
      if (!wasUp && messages.startsWith(READY)) {
        clearTimeout(boot);
        options.onReady();
      }
      const code = /^exit (\d+)\n/m.exec(messages)?.[1];
      if (code === undefined) return;
      exitCode = Number(code);
      end();
    });

  try {
    // The event `close` is emitted after all data of the channels was read.
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
  const isUp = messages.startsWith(READY);
  const isUnexplained = failure === undefined || (failure instanceof VfioError && !isUp);
  if (isUnexplained) options.stderr.write(`${readLastLines(options.console, complaints)}\n`);
  const what = isUp ? 'before the command ended' : 'before the command started';
  throw failure ?? new VfioError({ code: 'EIO', message: `the guest ended ${what}` });
}
