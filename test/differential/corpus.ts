import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Via } from 'vfio/mock';
import { compare, type Difference } from './compare.js';
import { runOnMock } from './mock.js';
import type { Answer, Op } from './script.js';
import { targets } from './targets.js';

/** A script with a kernel's answers. */
export interface Finding {
  /** Name of the target. */
  readonly device: string;
  /** Version of the kernel, `'6.12'`. */
  readonly kernel: string;
  /** The way in. */
  readonly via: Via;
  readonly script: readonly Op[];
  readonly answers: readonly Answer[];
}

const FOLDER = new URL('../../../test/differential/corpus/', import.meta.url);

/** One finding a line. */
export function readFindings(file: string | URL): Finding[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Finding);
}

/** Everything that was once answered differently: one file a device. */
export function readCorpus(): Finding[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'));
  return files.flatMap((name) => readFindings(new URL(name, FOLDER)));
}

/** @returns the file it was added to */
export function keep(finding: Finding): string {
  const file = fileURLToPath(new URL(`${finding.device}.jsonl`, FOLDER));
  appendFileSync(file, `${JSON.stringify(finding)}\n`);
  return file;
}

/** Where the mock differs from what the kernel answered. */
export async function replay({
  device,
  kernel,
  via,
  ...finding
}: Finding): Promise<Difference | null> {
  const target = targets.find(({ name }) => name === device);
  if (target === undefined) throw new RangeError(`no device '${device}' here`);
  const mock = await runOnMock(target, { kernel, via }, finding.script);
  return compare(target, finding.script, finding.answers, mock);
}
