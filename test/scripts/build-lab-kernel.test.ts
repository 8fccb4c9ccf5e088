// Tests scripts/build-lab-kernel without compiling a kernel. Also tests the kernel configuration
// and the patch.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root, temporaryFolder } from '../native/helpers.js';

const script = join(root, 'scripts/build-lab-kernel');
const read = (name: string) => readFileSync(join(root, 'scripts/lab-kernel', name), 'utf8');

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script, ...args], { env }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

test('scripts/build-lab-kernel --help prints the options and builds nothing', async (t) => {
  const { code, stdout, stderr } = await run(['--help']);
  t.is(code, 0);
  t.is(stderr, '');
  for (const word of ['--novirt', '--output', '--jobs', '6.12']) t.true(stdout.includes(word));
});

for (const [args, reason] of [
  [['--novrit'], /--novrit/],
  [['6.3'], /unknown version '6\.3': use 6\.1, 6\.12, 7\.2/],
  [['6.12', '6.1'], /one version/],
  [['6.1', '--novirt'], /the patch is for 6\.12, not for 6\.1/],
  [['--jobs', '0'], /--jobs 0/],
  [['--output'], /--output/],
] as const) {
  test(`the arguments '${args.join(' ')}' are refused before the build`, async (t) => {
    const { code, stdout, stderr } = await run([...args]);
    t.is(code, 2);
    t.is(stdout, '');
    t.regex(stderr, reason);
    t.regex(stderr, /usage: scripts\/build-lab-kernel/);
  });
}

const onX64 = process.arch === 'x64' ? test : test.skip;

onX64('if the output folder cannot be written, the script fails before the build', async (t) => {
  const output = join(temporaryFolder(), 'nowhere/bzImage');
  const { code, stderr } = await run(['--output', output]);
  t.is(code, 1);
  t.regex(stderr, /cannot write to .*nowhere/);
});

onX64(
  'if programs are missing, the error names the packages that contain the programs',
  async (t) => {
    const output = join(temporaryFolder(), 'bzImage');
    const { code, stderr } = await run(['--output', output], { PATH: temporaryFolder() });
    t.is(code, 1);
    t.regex(
      stderr,
      /^build-lab-kernel: missing packages: gcc, make, flex.*; run apt-get install gcc make flex/,
    );
    t.false(existsSync(`${output}.build`));
  },
);

test('the kernel configuration contains the options of VFIO, and contains each option only once', (t) => {
  const lines = read('config')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const names = lines.map((line) => /^CONFIG_([A-Z0-9_]+)=y$/.exec(line)?.[1] ?? '');
  t.false(names.includes(''));
  t.deepEqual(names.toSorted(), [...new Set(names)].toSorted());
  for (const name of ['VFIO_PCI', 'IOMMUFD', 'VFIO_DEVICE_CDEV', 'VFIO_PCI_DMABUF', 'IRQ_REMAP']) {
    t.true(names.includes(name), name);
  }
  t.false(names.includes('MODULES'));
});

test('the kernel patch states its licence, and each hunk has the length that its header states', (t) => {
  const patch = read('msi-novirt.patch');
  t.true(patch.startsWith('SPDX-License-Identifier: GPL-2.0-only\n'));
  const hunks = patch.split(/^(?=@@ )/m).slice(1);
  t.true(hunks.length >= 4);
  for (const hunk of hunks) {
    const [, before = '1', after = '1'] =
      /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(hunk) ?? [];
    const lines = hunk.split(/\n/).slice(1);
    const end = lines.findIndex((line) => !/^[ +-]/.test(line) || line.startsWith('--- a/'));
    const body = lines.slice(0, end);
    t.is(body.filter((line) => !line.startsWith('+')).length, Number(before));
    t.is(body.filter((line) => !line.startsWith('-')).length, Number(after));
  }
  t.regex(patch, /^\+#define VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT 11$/m);
});
