import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import test from 'ava';
import { listDevices } from '../../lib/mock.js';
import { vfio } from './vfio.js';

const imitations = listDevices().map(({ name }) => name);

test('the functions of this machine and the imitations', async (t) => {
  const { code, stdout } = await vfio(['list']);
  t.is(code, 0);
  const [heading = '', ...lines] = stdout.trimEnd().split('\n');
  t.regex(heading, /^DEVICE +IDS +DRIVER +GROUP +STATE +NAME$/);
  const names = lines.map((line) => line.split(' ')[0] ?? '');
  t.deepEqual(names.slice(-imitations.length), imitations);
  const nvme = lines.find((line) => line.startsWith('mock:nvme '));
  t.regex(nvme ?? '', /^mock:nvme +1b36:0010 +vfio-pci +\d+ +ready/);
});

test('names as lspci has them', async (t) => {
  const { stdout } = await vfio(['list']);
  const titles = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const [name = '', , , , , title = ''] = line.split(/ {2,}/);
    titles.set(name, title);
  }
  const edu = titles.get('mock:edu') ?? '';
  t.true(edu.endsWith(': Device 1234:11e8'), edu);
  let lines: string[] = [];
  try {
    lines = execFileSync('lspci', ['-D'], { encoding: 'utf8' }).trimEnd().split('\n');
  } catch {
    t.log('lspci is not installed, or the machine has no PCI');
  }
  for (const line of lines) {
    const [name = ''] = line.split(' ', 1);
    t.is(titles.get(name), line.slice(name.length + 1).replace(/ \((rev|prog-if) .*/, ''), name);
  }
});

test('as JSON, with what is missing', async (t) => {
  const { stdout } = await vfio(['list', '--json']);
  const found = JSON.parse(stdout) as { name: string; ready: boolean; missing?: string }[];
  let real: string[] = [];
  try {
    real = readdirSync('/sys/bus/pci/devices').sort();
  } catch {
    // A machine without PCI.
  }
  t.deepEqual(
    found.map(({ name }) => name),
    [...real, ...imitations],
  );
  for (const { name, ready, missing } of found) t.is(ready, missing === undefined, name);
});

test('it takes no arguments', async (t) => {
  t.is((await vfio(['list', 'everything'])).code, 2);
});
