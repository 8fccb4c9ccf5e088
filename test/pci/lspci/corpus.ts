import { readdirSync, readFileSync } from 'node:fs';
import { fromDump } from './dump.js';

export const CORPUS = new URL('../../../../test/pci/lspci/corpus/', import.meta.url);

export interface Recorded {
  readonly name: string;
  readonly config: Uint8Array;
  /** The output of lspci. */
  readonly seen: string;
}

/**
 * Reads the files of the corpus. Each file contains the dump of one function, and the output of
 * lspci for this function.
 */
export function readCorpus(): Recorded[] {
  return readdirSync(CORPUS)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => {
      const text = readFileSync(new URL(file, CORPUS), 'utf8');
      const [dump = '', seen = ''] = text.split('\n\n');
      const [config] = fromDump(dump);
      if (config === undefined) throw new Error(`${file} has no bytes`);
      return { name: file.replace(/\.txt$/, ''), config, seen };
    });
}
