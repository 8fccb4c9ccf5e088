import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import test from 'ava';
import { listDevices } from '../../lib/mock.js';
import { vfioHere } from './in-process.js';

const mockDevices = listDevices().map(({ name }) => name);

test('`vfio list` prints the PCI functions of this machine and the mock devices', async (t) => {
  const { code, stdout } = await vfioHere(['list']);
  t.is(code, 0);
  const [heading = '', ...lines] = stdout.trimEnd().split('\n');
  t.regex(heading, /^DEVICE +IDS +DRIVER +GROUP +STATE +NAME$/);
  const names = lines.map((line) => line.split(' ')[0] ?? '');
  t.deepEqual(names.slice(-mockDevices.length), mockDevices);
  const nvme = lines.find((line) => line.startsWith('mock:nvme '));
  t.regex(nvme ?? '', /^mock:nvme +1b36:0010 +vfio-pci +\d+ +ready/);
});

test('`vfio list` prints the same device names as lspci', async (t) => {
  const { stdout } = await vfioHere(['list']);
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

test('`vfio list --json` states the reason why a function cannot be opened', async (t) => {
  const { stdout } = await vfioHere(['list', '--json']);
  const found = JSON.parse(stdout) as { name: string; ready: boolean; missing?: string }[];
  let real: string[] = [];
  try {
    real = readdirSync('/sys/bus/pci/devices').sort();
  } catch {
    // The machine has no PCI.
  }
  t.deepEqual(
    found.map(({ name }) => name),
    [...real, ...mockDevices],
  );
  for (const { name, ready, missing } of found) t.is(ready, missing === undefined, name);
});

test('list refuses arguments', async (t) => {
  t.is((await vfioHere(['list', 'everything'])).code, 2);
});
