import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Via } from 'vfio/mock';
import { compare, type Difference } from './compare.js';
import { runOnMock } from './mock.js';
import type { Answer, Op } from './script.js';
import { targets } from './targets.js';

/** A script with the answers of a kernel. */
export interface Finding {
  /** Name of the target. */
  readonly device: string;
  /** Version of the kernel, `'6.12'`. */
  readonly kernel: string;
  /** Interface to the device: group or character device. */
  readonly via: Via;
  readonly script: readonly Op[];
  readonly answers: readonly Answer[];
}

const FOLDER = new URL('../../../test/differential/corpus/', import.meta.url);

/** Reads a file that contains one finding on each line. */
export function readFindings(file: string | URL): Finding[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Finding);
}

/**
 * Reads the corpus. The corpus contains all scripts that once gave different answers, in one file
 * for each device.
 */
export function readCorpus(): Finding[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'));
  return files.flatMap((name) => readFindings(new URL(name, FOLDER)));
}

/**
 * Adds a finding to the corpus.
 * @returns the file of the finding
 */
export function keepFinding(finding: Finding): string {
  const file = fileURLToPath(new URL(`${finding.device}.jsonl`, FOLDER));
  appendFileSync(file, `${JSON.stringify(finding)}\n`);
  return file;
}

/**
 * Runs the script of a finding on the mock. Returns the first difference from the answers of the
 * kernel, or null if no answer differs.
 */
export async function replayFinding({
  device,
  kernel,
  via,
  ...finding
}: Finding): Promise<Difference | null> {
  const target = targets.find(({ name }) => name === device);
  if (target === undefined) throw new RangeError(`unknown device '${device}'`);
  const mock = await runOnMock(target, { kernel, via }, finding.script);
  return compare(target, finding.script, finding.answers, mock);
}
