import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInLab } from 'vfio/lab';
import type { Hello, Request } from './agent.js';
import type { Answer, Op } from './script.js';

const AGENT = fileURLToPath(new URL('agent.js', import.meta.url));
/** Characters of what a guest complained about that are told when it is gone. */
const LAST_WORDS = 4000;

/** The guest, or the program in it, ended while it ran a script. */
export class GuestDied extends Error {
  override readonly name = 'GuestDied';
}

/** One boot of a guest with an agent in it. */
class Boot {
  readonly #stdin = new PassThrough();
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #ended: Promise<unknown>;
  readonly #power = new AbortController();
  #complaints = '';

  constructor(kernel: string | undefined, devices: readonly string[]) {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const complain = (text: string): void => {
      this.#complaints = (this.#complaints + text).slice(-LAST_WORDS);
    };
    stderr.setEncoding('utf8').on('data', complain);
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    this.#ended = runInLab({
      command: 'node',
      args: [AGENT],
      kernel,
      devices,
      stdin: this.#stdin,
      stdout,
      stderr,
      signal: this.#power.signal,
    })
      .catch((error: unknown) => {
        complain(String(error));
      })
      .finally(() => stdout.end());
  }

  async receive<T>(): Promise<T> {
    const line = await this.#lines.next();
    if (line.done !== true) return JSON.parse(line.value) as T;
    await this.#ended;
    throw new GuestDied(`the guest is gone: ${this.#complaints.trim()}`);
  }

  send(request: Request): void {
    this.#stdin.write(`${JSON.stringify(request)}\n`);
  }

  async close(): Promise<void> {
    this.#power.abort();
    await this.#ended;
  }
}

/** A guest that boots when it is needed, and again after it died. */
export class Guest {
  readonly #kernel: string | undefined;
  readonly #devices: readonly string[];
  #boot: Boot | null = null;
  #release = '';

  constructor(kernel: string | undefined, devices: readonly string[]) {
    this.#kernel = kernel;
    this.#devices = devices;
  }

  /** Version of the guest's kernel, `'6.12'`. */
  async version(): Promise<string> {
    await this.#up();
    return /^\d+\.\d+/.exec(this.#release)?.[0] ?? this.#release;
  }

  /** @throws GuestDied */
  async run(device: string, script: readonly Op[]): Promise<Answer[]> {
    const boot = await this.#up();
    try {
      boot.send({ device, script });
      return await boot.receive<Answer[]>();
    } catch (error) {
      this.#boot = null;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#boot?.close();
    this.#boot = null;
  }

  async #up(): Promise<Boot> {
    if (this.#boot !== null) return this.#boot;
    const boot = new Boot(this.#kernel, this.#devices);
    this.#release = (await boot.receive<Hello>()).release;
    return (this.#boot = boot);
  }
}
