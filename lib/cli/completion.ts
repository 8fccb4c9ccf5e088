import { bash } from './completion/bash.js';
import { fish } from './completion/fish.js';
import { describeAll } from './completion/tree.js';
import { zsh } from './completion/zsh.js';
import { defineCommand } from './command.js';
import { parseChoice } from './usage.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
const SCRIPTS = { bash, zsh, fish };

export const command = defineCommand({
  about: `Prints a shell script that completes commands, options and devices. The devices are the
    names of mock devices and the addresses of this machine's functions. The script contains the
    help texts, so completion does not run vfio.`,
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
