import test from 'ava';
import { COMMANDS, loadCommand } from '../../lib/cli/commands.js';
import { help } from '../../lib/cli/help.js';
import { vfioHere } from './in-process.js';
import { vfio } from './vfio.js';

test('the help of every command contains an example of that command', async (t) => {
  for (const name of Object.keys(COMMANDS)) {
    const usage = help(name, await loadCommand(name));
    t.true(usage.startsWith(`vfio ${name}`), name);
    t.regex(usage, new RegExp(`\\n\\nExamples?: (.*\\n *)*.*vfio ${name}`), name);
    for (const line of usage.split('\n')) t.true(line.length <= 100, line);
  }
});

test('`vfio --help` lists the commands', async (t) => {
  const { code, stdout } = await vfio(['--help']);
  t.is(code, 0);
  for (const name of Object.keys(COMMANDS)) t.regex(stdout, new RegExp(`^ {2}${name} `, 'm'));
});

test('without a command, vfio prints the list of commands, and an unknown command gives a one-line error', async (t) => {
  const none = await vfioHere([]);
  t.is(none.code, 2);
  t.is(none.stdout, '');
  const strange = await vfioHere(['fly']);
  t.is(strange.code, 2);
  t.is(strange.stderr, "vfio: unknown command 'fly': see vfio --help\n");
  t.is((await vfioHere(['constructor'])).code, 2);
});

test('a command with the option --help prints its help and does not run', async (t) => {
  const { code, stdout, stderr } = await vfioHere(['demo', 'mock:nonsense', '--help']);
  t.deepEqual([code, stderr], [0, '']);
  t.regex(stdout, /^vfio demo <device>/);
});

test('`vfio help` and `vfio help <command>` print the same texts as --help', async (t) => {
  t.deepEqual(await vfioHere(['help']), await vfioHere(['--help']));
  t.deepEqual(await vfioHere(['help', 'lab']), await vfioHere(['lab', '--help']));
  const strange = await vfioHere(['help', 'fly']);
  t.deepEqual([strange.code, strange.stdout], [2, '']);
  t.is(strange.stderr, "vfio: unknown command 'fly': see vfio --help\n");
});

test('an unknown option gives a one-line error and exit code 2', async (t) => {
  for (const name of Object.keys(COMMANDS)) {
    const { code, stderr } = await vfioHere([name, '--no-such-option']);
    t.is(code, 2, name);
    t.regex(stderr, /^vfio: .*--no-such-option.*\n$/, name);
  }
});

test('a failure is printed as one line, followed by a hint on the next line', async (t) => {
  const { code, stderr } = await vfioHere(['demo', 'ffff:ffff']);
  t.is(code, 1);
  t.regex(
    stderr,
    /^vfio: ENODEV: no PCI function has this vendor ID and device ID 'ffff:ffff'\n.+\n$/,
  );
});

test('a command writes no colours to a pipe', async (t) => {
  const { stdout } = await vfio(['list']);
  t.false(stdout.includes('\u001b'));
});

test('if an output file cannot be written, the command prints an error and starts no program', async (t) => {
  const [directory, output] = await Promise.all([
    vfioHere(['run', 'mock:edu', '/']),
    vfioHere(['trace', '-o', '/nonexistent/x', '--', process.execPath, '-e', 'console.log("ran")']),
  ]);
  t.deepEqual([directory.code, output.code], [1, 1]);
  t.regex(directory.stderr, /^vfio: EISDIR: .*\n$/);
  t.is(output.stdout, '');
  t.is(output.stderr, "vfio: ENOENT: no such file or directory, mkdtemp '/nonexistent/x'\n");
});
