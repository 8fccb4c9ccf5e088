import { closeSync, openSync, readSync } from 'node:fs';

/** Maximum number of files that the counters of a thread keep open. */
const MAX_FILES = 64;
const LABEL = 'eventfd-count:';

const bytes = Buffer.alloc(512);
let openFiles = 0;

/**
 * Reads the counter of an eventfd from /proc/self/fdinfo. A read(2) of the eventfd would reset the
 * counter. Opening a file of /proc takes longer than reading the file. The first counters of a thread
 * therefore keep their files open.
 */
export class EventfdCounter {
  readonly #path: string;
  #file: number | null = null;

  constructor(fd: number) {
    this.#path = `/proc/self/fdinfo/${fd}`;
  }

  /** Returns the counter; 0 if the eventfd is closed. */
  read(): number {
    try {
      if (this.#file !== null) return readCounter(this.#file);
      const file = openSync(this.#path, 'r');
      if (openFiles < MAX_FILES) {
        openFiles++;
        this.#file = file;
        return readCounter(file);
      }
      try {
        return readCounter(file);
      } finally {
        closeSync(file);
      }
    } catch {
      return 0;
    }
  }

  close(): void {
    if (this.#file === null) return;
    closeSync(this.#file);
    this.#file = null;
    openFiles--;
  }
}

function readCounter(file: number): number {
  const size = readSync(file, bytes, 0, bytes.length, 0);
  const text = bytes.toString('latin1', 0, size);
  const label = text.indexOf(LABEL);
  return label < 0 ? 0 : Number.parseInt(text.slice(label + LABEL.length), 16);
}
