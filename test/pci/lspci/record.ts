// Records the output of the installed lspci for dumps, so that tests can run without lspci: node
// dist/test/pci/lspci/record.js <name> <dump>... Writes one file for each function. The file
// contains the bytes in the format of `lspci -F`, followed by the output of lspci.
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
