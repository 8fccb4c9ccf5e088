import { REGION_NAMES } from '../contract/uapi.js';
import { printable } from '../printable.js';
import { defineCommand } from './command.js';
import { checkOutput, existingFiles, FORCE, writeOutput } from './files.js';
import { parseCount } from './numbers.js';
import { parseChoice, UsageError } from './usage.js';

export const command = defineCommand({
  about: `Makes a register file from a file of another tool: CMSIS-SVD, the CSR JSON of LiteX, or the
    JSON of PeakRDL. Without an output file, the register file is printed. The option --registers of
    other commands reads the register file. Registers that the format cannot express are listed on
    standard error.`,
  operands: {
    action: { words: ['import'], help: 'import' },
    file: { from: 'files', help: 'the file of the other tool' },
  },
  options: {
    region: {
      type: 'string',
      value: '<region>',
      words: REGION_NAMES,
      default: 'bar0',
      help: 'the region that contains the registers; default bar0',
    },
    base: {
      type: 'string',
      value: '<address>',
      help: 'the address in the file of the first byte of the region; default: the address of the CSRs of LiteX, or the lowest address of a block',
    },
    output: {
      type: 'string',
      short: 'o',
      value: '<file>',
      from: 'files',
      help: 'writes the register file',
    },
    force: FORCE,
  },
  examples: ['vfio registers import csr.json -o card.json'],
  async run({ options, operands: { action, file } }) {
    if (action !== 'import') throw new UsageError(`unknown action '${action}': give import`);
    const region = parseChoice('--region', options.region, REGION_NAMES) ?? 'bar0';
    const base = options.base === undefined ? undefined : parseCount('--base', options.base);
    const existing = existingFiles(options);
    if (options.output !== undefined) checkOutput(options.output, existing);
    const { formatRegisters, importRegisters } = await import('../registers/import/index.js');
    const imported = importRegisters(file, region, base);
    for (const warning of imported.warnings) console.error(`vfio: ${printable(warning)}`);
    const text = formatRegisters(imported);
    if (options.output === undefined) process.stdout.write(text);
    else {
      writeOutput(options.output, existing, (write) => {
        write(text);
      });
    }
    return 0;
  },
});
