import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Answer, Op } from './script.js';

/** A script that once showed a difference, as short as it was found, with a kernel's answers. */
export interface Finding {
  /** Name of the target. */
  readonly device: string;
  /** Version of the kernel, `'6.12'`. */
  readonly kernel: string;
  /** The way in. */
  readonly via: string;
  readonly script: readonly Op[];
  readonly answers: readonly Answer[];
}

const FOLDER = new URL('../../../test/differential/corpus/', import.meta.url);

/** Everything that was found so far: one finding a line, one file a device. */
export function readCorpus(): Finding[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'));
  return files.flatMap((name) =>
    readFileSync(new URL(name, FOLDER), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Finding),
  );
}

/** @returns the file it was added to */
export function keep(finding: Finding): string {
  const file = fileURLToPath(new URL(`${finding.device}.jsonl`, FOLDER));
  appendFileSync(file, `${JSON.stringify(finding)}\n`);
  return file;
}
