// Writes down what the lspci of this machine says to dumps, for machines that have none:
//   node dist/test/pci/lspci/record.js <name> <dump>...
// One file a function: its bytes, as lspci -F reads them, and below what lspci prints.
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
