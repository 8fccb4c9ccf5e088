import type { Width } from '../../index.js';
import { parseValue } from '../access.js';
import { UsageError } from '../usage.js';
import type { RegisterWatch } from './register.js';

const CTRL_C = '\u0003';
const ESCAPE = '\u001b';
const WIDTHS: Readonly<Record<string, Width>> = { 1: 1, 2: 2, 4: 4, 8: 8 };

const HELP = 'p poke  + faster  - slower  1 2 4 8 width  q quits';

/** The keys that change a watched register and how the register is read. */
export class RegisterKeys {
  readonly #watch: RegisterWatch;
  readonly #onChange: () => void;
  readonly #onWrite: (value: bigint) => void;
  /** The typed value; null while no value is asked for. */
  #input: string | null = null;
  #error: string | null = null;

  /**
   * @param onChange - called when the help line changed
   * @param onWrite - called before a value is written
   */
  constructor(watch: RegisterWatch, onChange: () => void, onWrite: (value: bigint) => void) {
    this.#watch = watch;
    this.#onChange = onChange;
    this.#onWrite = onWrite;
  }

  /** The line that describes the keys, or the prompt for a value. */
  get line(): string {
    if (this.#error !== null) return this.#error;
    if (this.#input === null) return HELP;
    return `poke ${this.#watch.name} <- 0x${this.#input}_  Enter writes, Esc cancels`;
  }

  /** Handles typed keys. Returns whether the keys end the command. */
  press(keys: string): boolean {
    if (keys.length > 1 && keys.startsWith(ESCAPE)) return false;
    for (const key of keys) {
      if (key === CTRL_C || (key === 'q' && this.#input === null)) return true;
      this.#error = null;
      try {
        if (this.#input === null) this.#command(key);
        else this.#edit(key, this.#input);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        this.#error = error.message;
      }
    }
    this.#onChange();
    return false;
  }

  #command(key: string): void {
    const width = WIDTHS[key];
    if (width !== undefined) this.#watch.setWidth(width);
    else if (key === '+') this.#watch.scaleInterval(0.5);
    else if (key === '-') this.#watch.scaleInterval(2);
    else if (key === 'p') {
      this.#watch.checkWritable();
      this.#input = '';
    }
  }

  #edit(key: string, input: string): void {
    if (/[0-9a-f]/i.test(key)) this.#input = input + key;
    else if (key === '\u007f' || key === '\b') this.#input = input.slice(0, -1);
    else if (key === ESCAPE) this.#input = null;
    else if (key === '\r' || key === '\n') {
      this.#input = null;
      if (input === '') return;
      const value = parseValue(`0x${input}`, this.#watch.width);
      this.#onWrite(value);
      this.#watch.write(value);
    }
  }
}
