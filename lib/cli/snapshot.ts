import { VIAS } from '../contract/open-options.js';
import { defineCommand } from './command.js';
import { openConnection } from './devices.js';
import { checkOutput, existingFiles, FORCE, writeOutput } from './files.js';
import { escapeControls } from './json.js';
import { VF_TOKEN } from './token.js';
import { parseChoice, UsageError } from './usage.js';

export const command = defineCommand({
  about: `Writes the properties of a device as readable JSON: configuration space, capabilities,
    regions, interrupts, features and DMA ranges. Without a file, the JSON is printed. A program can
    open the file as a mock device named mock:<file>. Because a read can have side effects, the
    contents of a BAR are read only with --bar.`,
  operands: {
    device: { from: 'devices', help: 'an address such as 0000:01:00.0, or mock:nvme' },
    file: { from: 'files', optional: true },
  },
  options: {
    bar: {
      type: 'string',
      value: '<index>',
      multiple: true,
      words: ['0', '1', '2', '3', '4', '5'],
      help: 'adds the contents of a BAR; each dword is read once; can be repeated',
    },
    force: FORCE,
    via: { type: 'string', value: 'group|cdev', words: VIAS, help: 'the VFIO interface to use' },
    'vf-token': VF_TOKEN,
  },
  examples: ['vfio snapshot 0000:01:00.0 card.json'],
  async run({ options, operands: { device, file } }) {
    const via = parseChoice('--via', options.via, VIAS);
    const bars = options.bar.map(barIndex);
    const existing = existingFiles(options);
    if (file !== undefined) checkOutput(file, existing);
    const { takeSnapshot, writeSnapshot } = await import('../snapshot/index.js');
    const connection = await openConnection(device, { ...options, via });
    let text: string;
    try {
      text = writeSnapshot(takeSnapshot(connection, bars));
    } finally {
      connection.close();
    }
    if (file === undefined) process.stdout.write(escapeControls(text));
    else {
      writeOutput(file, existing, (write) => {
        write(text);
      });
    }
    return 0;
  },
});

function barIndex(text: string): number {
  if (!/^[0-5]$/.test(text)) throw new UsageError(`--bar must be 0 to 5, not '${text}'`);
  return Number(text);
}
