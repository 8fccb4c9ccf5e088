// Runs lspci on dumps and records its output, so that the tests can run without lspci. Usage:
//   node dist/test/pci/lspci/record.js                   records every function of the corpus again
//   node dist/test/pci/lspci/record.js <name> <dump>...  adds the functions of dumps
// Each file of the corpus contains the configuration space of one function in the format of `lspci
// -F`, and then the output of lspci.
import { readFileSync, writeFileSync } from 'node:fs';
import { CORPUS, readCorpus } from './corpus.js';
import { askLspci, fromDump, toDump, toSparseDump } from './dump.js';
import { FOLLOWED, LSPCI_VERSION } from './program.js';

if (LSPCI_VERSION?.startsWith(`${FOLLOWED}.`) !== true) {
  throw new Error(`lspci ${FOLLOWED} is missing: VFIO_TEST_FULL=1 downloads it`);
}

function record(label: string, title: string, config: Uint8Array): void {
  const seen = askLspci(toDump(title, config));
  if (seen === null) throw new Error('lspci fails');
  writeFileSync(
    new URL(`${label}.txt`, CORPUS),
    `${toSparseDump(label, config)}\n${seen.trimEnd()}\n`,
  );
}

const [name, ...files] = process.argv.slice(2);
if (name === undefined) {
  for (const { name: label, config } of readCorpus()) record(label, label, config);
} else {
  const functions = files.flatMap((file) => fromDump(readFileSync(file, 'latin1')));
  functions.forEach((config, index) => {
    record(functions.length > 1 ? `${name}-${index}` : name, name, config);
  });
}
