import { bash } from './completion/bash.js';
import { fish } from './completion/fish.js';
import { describeAll } from './completion/tree.js';
import { zsh } from './completion/zsh.js';
import { defineCommand } from './command.js';
import { parseChoice } from './usage.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
const SCRIPTS = { bash, zsh, fish };

export const command = defineCommand({
  about: `Prints a script that completes commands, options and devices: mock devices by name,
    functions of this machine by address. The script contains the texts of --help and does not run
    vfio when Tab is pressed.`,
  operands: { shell: { words: SHELLS, help: 'bash, zsh or fish' } },
  options: {},
  examples: [
    'source <(vfio completion bash)',
    'vfio completion zsh > "${fpath[1]}/_vfio"',
    'vfio completion fish > ~/.config/fish/completions/vfio.fish',
  ],
  async run({ operands }) {
    const shell = parseChoice('the shell', operands.shell, SHELLS) ?? 'bash';
    process.stdout.write(SCRIPTS[shell](await describeAll()));
    return 0;
  },
});
