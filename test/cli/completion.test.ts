import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { COMMANDS } from '../../lib/cli/commands.js';
import { describeAll, spellings } from '../../lib/cli/completion/tree.js';
import { listDevices } from '../../lib/mock.js';
import { temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const mockDevices = listDevices().map(({ name }) => name);
const DEVICES = '/sys/bus/pci/devices';
const functions = existsSync(DEVICES) ? readdirSync(DEVICES) : [];

/**
 * Writes the completion script for a shell to a file. Returns undefined if the shell is not
 * installed.
 */
async function scriptFor(t: ExecutionContext, shell: string): Promise<string | undefined> {
  const { code, stdout } = await vfioHere(['completion', shell]);
  t.is(code, 0);
  const file = join(temporaryFolder(), '_vfio');
  writeFileSync(file, stdout);
  try {
    execFileSync(shell, ['-c', 'exit 0']);
    return file;
  } catch {
    t.log(`${shell} is not installed: the script was written but not run`);
    return undefined;
  }
}

/** Completes each typed line. Returns one line of output for each typed line. */
async function ask(shell: string, program: string, lines: readonly string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(shell, ['-c', program, shell, ...lines], {
    cwd: root,
    env: { ...process.env, HOME: temporaryFolder() },
  });
  return stdout.trimEnd().split('\n');
}

/** A typed line and its possible completions. Tab inserts the only possible completion. */
const CASES: readonly (readonly [line: string, ...words: string[]])[] = [
  ['vfio pe', 'peek'],
  ['vfio completion f', 'fish'],
  ['vfio peek mock:n', 'mock:nvme'],
  ['vfio info vfio-us', 'vfio-user:'],
  ['vfio info vfio-user:CHANGEL', 'vfio-user:CHANGELOG.md'],
  ['vfio peek mock:edu conf', 'config'],
  ['vfio peek -w 2 mock:edu conf', 'config'],
  ['vfio peek mock:edu bar0 --js', '--json'],
  ['vfio poke mock:edu bar0 0 1 2 --rea', '--read'],
  ['vfio lab --device test', 'testdev'],
  ['vfio lab --kernel debian-6.12-', 'debian-6.12-16k'],
  ['vfio lab -- printe', 'printenv'],
  ['vfio snapshot mock:edu CHANGEL', 'CHANGELOG.md'],
  ['vfio bind --owner roo', 'root'],
  ['vfio --vers', '--version'],
  ['vfio he', 'help'],
  ['vfio help tra', 'trace'],
];

test('the completion script completes every example line in bash', async (t) => {
  const file = await scriptFor(t, 'bash');
  if (file === undefined) return;
  const program = `source ${file}
    for line; do COMP_LINE=$line COMP_POINT=\${#line}; _vfio; echo "\${COMPREPLY[*]}"; done`;
  const wanted = CASES.map(([, ...words]) =>
    words.join(' ').replace(/^(mock|vfio-user):(?=.)/, ''),
  );
  const lines = CASES.map(([line]) => line);
  t.deepEqual(await ask('bash', program, lines), wanted);

  const [first, second, values, same] = await ask('bash', program, [
    'vfio ',
    'vfio info ',
    'vfio peek --width ',
    'vfio peek --width=',
  ]);
  t.is(first, [...Object.keys(COMMANDS), 'help'].join(' '));
  t.is(second, [...mockDevices, 'vfio-user:', ...functions].join(' '));
  t.deepEqual([values, same], ['1 2 4 8', '1 2 4 8']);
});

test('in bash, a completion replaces only the text after the last colon', async (t) => {
  const file = await scriptFor(t, 'bash');
  if (file === undefined) return;
  const program = `source ${file}; COMP_WORDBREAKS=\${COMP_WORDBREAKS//:}
    for line; do COMP_LINE=$line COMP_POINT=\${#line}; _vfio; echo "\${COMPREPLY[*]}"; done`;
  t.deepEqual(await ask('bash', program, ['vfio info mock:e', 'vfio info --j mock:e']), [
    'mock:edu',
    'mock:edu',
  ]);
});

test('the completion script completes every example line in fish', async (t) => {
  const file = await scriptFor(t, 'fish');
  if (file === undefined) return;
  const program = `source ${file}
    for line in $argv[2..-1]; complete -C $line | string replace -r '\\t.*' '' | string join ' '; end
    exit 0`;
  const lines = CASES.map(([line]) => line);
  t.deepEqual(
    await ask('fish', program, lines),
    CASES.map(([, ...words]) => words.join(' ')),
  );
});

/** Runs zsh on a pseudo terminal and presses Tab after each typed line. */
const ZSH = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1= PS2=; stty -echo; autoload -U compinit; compinit -D -u; source '$FILE
zpty -w shell 'show() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N show; bindkey "^T" show'
zpty -w shell 'print rea""dy'
zpty -r shell out '*ready*'
for line; do
  zpty -w -n shell "$line"$'\\t\\x14'
  zpty -r shell out '*<*>*'
  print -r -- "\${\${out##*<}%%>*}"
done`;

test('the completion script completes every example line in zsh', async (t) => {
  const file = await scriptFor(t, 'zsh');
  if (file === undefined) return;
  const program = ZSH.replace("'$FILE", `${file}'`);
  const said = await ask(
    'zsh',
    program,
    CASES.map(([line]) => line),
  );
  t.deepEqual(
    said.map((line) => line.trimEnd()),
    CASES.map(([line, word = '']) => `${line.slice(0, line.lastIndexOf(' '))} ${word}`),
  );
});

test('each completion script contains every option and every operand of every command', async (t) => {
  const { commands } = await describeAll();
  t.deepEqual(
    commands.map(({ name }) => name),
    [...Object.keys(COMMANDS), 'help'],
  );
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await vfioHere(['completion', shell]);
    for (const { options } of commands) {
      for (const option of options) {
        const [long = ''] = spellings(option);
        const spelled = shell === 'fish' ? `-l ${long.slice(2)}` : long;
        t.true(stdout.includes(spelled), `${shell} ${spelled}`);
      }
    }
  }
});

test('`vfio completion` reports an unknown shell as a usage error', async (t) => {
  const { code, stdout, stderr } = await vfioHere(['completion', 'tcsh']);
  t.deepEqual([code, stdout], [2, '']);
  t.is(stderr, "vfio: the shell must be bash or zsh or fish, not 'tcsh'\n");
});
