// Runs the installed lspci on dumps and records its output, so that the tests can run without
// lspci. Usage: node dist/test/pci/lspci/record.js <name> <dump>... The script writes one file for
// each function. Each file contains the configuration space of one function in the format of `lspci
// -F`, and then the output of lspci.
import { readFileSync, writeFileSync } from 'node:fs';
import { CORPUS } from './corpus.js';
import { askLspci, fromDump, toDump, toSparseDump } from './dump.js';

const [name = '', ...files] = process.argv.slice(2);
const functions = files.flatMap((file) => fromDump(readFileSync(file, 'latin1')));
functions.forEach((config, index) => {
  const seen = askLspci(toDump(name, config));
  if (seen === null) throw new Error('lspci is not installed, or fails');
  const label = functions.length > 1 ? `${name}-${index}` : name;
  writeFileSync(
    new URL(`${label}.txt`, CORPUS),
    `${toSparseDump(label, config)}\n${seen.trimEnd()}\n`,
  );
});
