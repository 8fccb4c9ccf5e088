import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInLab } from 'vfio/lab';
import type { Hello, Request, Response } from './agent.js';
import type { Answer, Op } from './script.js';

const AGENT = fileURLToPath(new URL('agent.js', import.meta.url));
/**
 * QEMU's root ports control their slots. After the hot reset of a device, Linux waits until its port
 * reports that the link is up. With ACPI hot-plug, a port does not report this.
 */
const HOT_RESET = ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'];
/** Maximum number of characters of the guest's standard error in a {@link GuestDied}. */
const MAX_ERROR_TEXT = 4000;
/** Timeout of a script in milliseconds. A guest that exceeds the timeout counts as hung. */
const SCRIPT_TIMEOUT_MS = 120_000;

/** The error if the guest, or the agent in the guest, ended while a script was running. */
export class GuestDied extends Error {
  override readonly name = 'GuestDied';
}

interface Waiting {
  readonly resolve: (answers: readonly Answer[]) => void;
  readonly reject: (error: GuestDied) => void;
}

/** One boot of a guest that runs the agent. */
class Boot {
  /** Full version of the guest's kernel: the output of `uname -r`. */
  readonly release: Promise<string>;
  readonly #stdin = new PassThrough();
  readonly #ended: Promise<unknown>;
  readonly #power = new AbortController();
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #errorText = '';
  #alive = true;

  constructor(kernel: string | undefined, devices: readonly string[]) {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const addErrorText = (text: string): void => {
      this.#errorText = (this.#errorText + text).slice(-MAX_ERROR_TEXT);
    };
    stderr.setEncoding('utf8').on('data', addErrorText);
    let ready: (release: string) => void = () => undefined;
    let failed: (death: GuestDied) => void = () => undefined;
    this.release = new Promise((resolve, reject) => {
      ready = resolve;
      failed = reject;
    });
    // If no caller waits for the promise `release`, the rejection of the promise must not end the
    // process.
    this.release.catch(() => undefined);
    this.#ended = runInLab({
      command: 'node',
      args: [AGENT],
      kernel,
      devices,
      qemuArgs: HOT_RESET,
      stdin: this.#stdin,
      stdout,
      stderr,
      signal: this.#power.signal,
    })
      .catch((error: unknown) => {
        addErrorText(String(error));
      })
      .finally(() => {
        this.#alive = false;
        const death = new GuestDied(`the guest died: ${this.#errorText.trim()}`);
        failed(death);
        for (const { reject } of this.#waiting.values()) reject(death);
      });
    createInterface({ input: stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Hello | Response;
      if ('release' in message) ready(message.release);
      else this.#waiting.get(message.id)?.resolve(message.answers);
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  async run(device: string, script: readonly Op[]): Promise<readonly Answer[]> {
    const id = this.#requests++;
    const timer = setTimeout(() => {
      this.#errorText += `\nno answer within ${SCRIPT_TIMEOUT_MS / 1000} s`;
      this.#power.abort();
    }, SCRIPT_TIMEOUT_MS);
    try {
      return await new Promise<readonly Answer[]>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#stdin.write(`${JSON.stringify({ id, device, script } satisfies Request)}\n`);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#power.abort();
    await this.#ended;
  }
}

/** A guest that boots on first use. After the death of a guest, the next use boots a new guest. */
export class Guest {
  readonly #kernel: string | undefined;
  readonly #devices: readonly string[];
  #boot: Boot | null = null;

  constructor(kernel: string | undefined, devices: readonly string[]) {
    this.#kernel = kernel;
    this.#devices = devices;
  }

  /** Returns the version of the guest's kernel, `'6.12'`. */
  async version(): Promise<string> {
    const release = await this.#ensureBooted().release;
    return /^\d+\.\d+/.exec(release)?.[0] ?? release;
  }

  /**
   * Runs a script on a device of the guest.
   *
   * @param device - suffix of the environment variable with the address: `NVME` for `VFIO_LAB_NVME`
   * @throws GuestDied
   */
  async run(device: string, script: readonly Op[]): Promise<readonly Answer[]> {
    const boot = this.#ensureBooted();
    await boot.release;
    return boot.run(device, script);
  }

  async close(): Promise<void> {
    await this.#boot?.close();
    this.#boot = null;
  }

  #ensureBooted(): Boot {
    if (this.#boot?.alive !== true) this.#boot = new Boot(this.#kernel, this.#devices);
    return this.#boot;
  }
}
