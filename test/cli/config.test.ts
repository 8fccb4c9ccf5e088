import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { vfioHere } from './in-process.js';
import './programs/vpd-card.js';
import type { Outcome } from './vfio.js';

test('`vfio config` prints decoded registers and the sizes of regions', async (t) => {
  const { code, stdout } = await vfioHere(['config', 'mock:nvme']);
  t.is(code, 0);
  t.regex(stdout, /^mock:nvme 0108: 1b36:0010 \(rev 02\) \(prog-if 02\)$/m);
  t.regex(stdout, /^\tControl: I\/O\+ Mem\+ BusMaster- /m);
  t.regex(stdout, /^\tRegion 0: Memory at [0-9a-f]+ \(64-bit, non-prefetchable\) \[size=16K\]$/m);
  t.regex(stdout, /^\tCapabilities: \[40\] MSI-X: Enable- Count=65 Masked-$/m);
});

test('`vfio config --json` prints the flags of each capability', async (t) => {
  const { stdout } = await vfioHere(['config', 'mock:nvme', '--json']);
  const { header, capabilities } = JSON.parse(stdout) as {
    header: { vendorId: number };
    capabilities: { name: string; flags: Record<string, boolean> }[];
  };
  t.is(header.vendorId, 0x1b36);
  const msix = capabilities.find(({ name }) => name === 'msix');
  t.deepEqual(msix?.flags, { Enable: false, Masked: false });
});

test('`vfio config` reads vital product data through the registers of the VPD capability', async (t) => {
  const { stdout } = await vfioHere(['config', 'mock:vpd-card']);
  const listed = stdout.slice(stdout.indexOf('\tCapabilities:'));
  t.is(
    listed,
    '\tCapabilities: [40] Vital Product Data\n\t\tProduct Name: Card\n' +
      '\t\tRead-only fields:\n\t\t\t[SN] Serial number: 123\n\t\tEnd\n',
  );
});

/** Runs `vfio config` on an edited snapshot of a network card. */
async function ofSnapshot(edit: (card: string) => string, ...args: string[]): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-config-'));
  const file = join(folder, 'card.json');
  await vfioHere(['snapshot', 'mock:vpd-card', file]);
  writeFileSync(file, edit(readFileSync(file, 'utf8')));
  const outcome = await vfioHere(['config', `mock:${file}`, ...args]);
  rmSync(folder, { recursive: true });
  return outcome;
}

test('for a device made from a snapshot, `vfio config` reports vital product data as unreadable', async (t) => {
  const { code, stdout } = await ofSnapshot((card) => card);
  t.is(code, 0);
  t.true(stdout.endsWith('\tCapabilities: [40] Vital Product Data\n\t\tNot readable\n'));
});

test('`vfio config` reports a capability list that contains a loop', async (t) => {
  const loop = (card: string) => card.replace('"040: 03 00', '"040: 03 40');
  const { stdout } = await ofSnapshot(loop);
  t.true(stdout.endsWith('\tCapabilities: [40] <chain looped>\n'));
  const { stdout: json } = await ofSnapshot(loop, '--json');
  const { broken } = JSON.parse(json) as { broken: unknown };
  t.deepEqual(broken, [{ offset: 0x40, extended: false, reason: 'looped' }]);
});

test('`vfio config -x` prints a dump that lspci can read', async (t) => {
  const { stdout } = await vfioHere(['config', 'mock:edu', '-x']);
  t.regex(stdout, /^00:00\.0 mock:edu\n00: 34 12 e8 11 /);
});

test('`vfio config` reads and sets registers, and prints the new value', async (t) => {
  const args = ['config', 'mock:nvme', 'command.bus_master=1', 'COMMAND', 'vendor_id=1234'];
  const { code, stdout } = await vfioHere(args);
  t.is(code, 0);
  t.deepEqual(stdout.trimEnd().split('\n'), [
    'command.bus_master: 0103 -> 0107',
    'COMMAND = 0107',
    'vendor_id: 1b36 -> 1b36 (wrote 1234)',
  ]);
});

test('if the last setting is wrong, `vfio config` writes none of the settings', async (t) => {
  const { code, stdout, stderr } = await vfioHere(['config', 'mock:nvme', 'COMMAND=7', 'FOO=1']);
  t.is(code, 2);
  t.is(stdout, '');
  t.regex(stderr, /^vfio: unknown register 'FOO': .*\n$/);
});
