// Tests the command line on real functions.
import test from 'ava';
import { openDeviceSync } from 'vfio';
import { vfioHere } from '../../cli/in-process.js';
import { differences } from '../../pci/lspci/compare.js';
import { askLspci, toDump } from '../../pci/lspci/dump.js';
import { FOLLOWED, LSPCI_VERSION } from '../../pci/lspci/program.js';

const LAB = Object.entries(process.env).filter(([name]) => /^VFIO_LAB_[A-Z0-9_]+$/.test(name));
const DEVICES = LAB.flatMap(([, value = '']) => (value.startsWith('0000:') ? [value] : []));
const EDU = process.env.VFIO_LAB_EDU ?? '';

test('commands accept a short address and vendor:device as the name of a function', async (t) => {
  const outcomes = await Promise.all(
    [EDU.replace('0000:', ''), '1234:11e8'].map((name) => vfioHere(['doctor', name, '--json'])),
  );
  for (const { code, stdout, stderr } of outcomes) {
    t.is(code, 0, stderr + stdout);
    t.true((JSON.parse(stdout) as { ready: boolean }).ready);
  }
  t.is(outcomes[0]?.stdout, outcomes[1]?.stdout);
  const { stdout } = await vfioHere(['peek', '1234:11e8', 'bar0', '0']);
  t.is(stdout, 'bar0+0x0000: 010000ed\n');
});

test('vfio config decodes configuration space as lspci does', (t) => {
  t.true(DEVICES.length >= 4, DEVICES.join(' '));
  if (LSPCI_VERSION === null) {
    t.log('lspci is missing: npm test compares recorded output only');
    return;
  }
  for (const name of DEVICES) {
    let device;
    try {
      device = openDeviceSync(name);
    } catch {
      // An earlier test has released the function.
      continue;
    }
    const config = device.config.read(0, device.config.size);
    device.close();
    const seen = askLspci(toDump(name, config));
    t.deepEqual(
      differences(config, seen ?? '', LSPCI_VERSION.startsWith(`${FOLLOWED}.`)),
      [],
      name,
    );
  }
});
