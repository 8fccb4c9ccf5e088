import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A shell script that runs a program and then prints the name and the state of the terminal. */
const AROUND = `stty rows $1 cols $2; before=$(stty -g); tty; shift 2; "$@"; code=$?
[ "$before" = "$(stty -g)" ] && echo "as it was" || echo "changed"
exit $code`;

/** The tests can use Python, because node-gyp requires Python. */
const SPAWN = `import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))`;

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** A program that runs on a pseudo terminal. */
export class Terminal {
  readonly #child;
  readonly #ended: Promise<unknown>;
  #text = '';

  constructor(command: readonly string[], { rows, columns }: Size, env: NodeJS.ProcessEnv = {}) {
    const words = ['sh', '-c', AROUND, 'sh', `${rows}`, `${columns}`, ...command];
    this.#child = spawn('python3', ['-c', SPAWN, ...words], {
      env: { ...process.env, TERM: 'xterm', NO_COLOR: undefined, ...env },
    });
    this.#child.stdout.on('data', (chunk: Buffer) => (this.#text += chunk.toString()));
    this.#ended = once(this.#child, 'close');
  }

  /** The program's output so far, without the terminal's name. */
  get text(): string {
    return this.#text.slice(this.#text.indexOf('\n') + 1);
  }

  /** Waits until the whole output so far satisfies a condition. */
  async until(wanted: (text: string) => boolean): Promise<void> {
    while (!wanted(this.text)) {
      if (this.#child.exitCode !== null) throw new Error(`the program ended early: ${this.text}`);
      await Promise.race([once(this.#child.stdout, 'data'), this.#ended]);
    }
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Resizes the terminal, which sends SIGWINCH to the program. */
  resize({ rows, columns }: Size): void {
    const name = this.#text.slice(0, this.#text.indexOf('\r'));
    execFileSync('stty', ['-F', name, 'rows', `${rows}`, 'cols', `${columns}`]);
  }

  /** Waits for the end of the program. */
  async end(): Promise<{ code: number | null; text: string; restored: boolean }> {
    await this.#ended;
    const text = this.text.replace(/(as it was|changed)\r\n$/, '');
    return { code: this.#child.exitCode, text, restored: this.text.endsWith('as it was\r\n') };
  }
}

/** Returns the lines that a screen shows after a text was written to the screen. */
export function screenAfter(text: string, { columns }: Size): string[] {
  let lines = [''];
  let [row, column] = [0, 0];
  const put = (character: string) => {
    if (column === columns) [row, column] = [row + 1, 0];
    const line = (lines[row] ?? '').padEnd(column);
    lines[row] = line.slice(0, column) + character + line.slice(column + 1);
    column++;
  };
  for (const [part] of text.matchAll(/\u001b\[[\d;]*[A-Za-z]|./gsu)) {
    const code = part.startsWith('\u001b') ? part.at(-1) : part;
    if (code === '\n') row++;
    else if (code === '\r') column = 0;
    else if (code === 'A') row = Math.max(row - Number(part.slice(2, -1)), 0);
    else if (code === 'H') [row, column] = [0, 0];
    else if (code === 'J') lines = part.includes('2') ? [''] : lines.slice(0, row);
    else if (part === code) put(part);
    while (lines.length <= row) lines.push('');
  }
  return lines;
}
