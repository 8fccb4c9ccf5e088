// Tests `vfio config` and mock devices on dumps of lspci.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openDeviceSync } from '../../lib/mock.js';
import { vfioHere } from './in-process.js';
import { finish, startVfio } from './vfio.js';

const folder = mkdtempSync(join(tmpdir(), 'vfio-dumps-'));
const fileOf = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test('a dump of `vfio config -x` gives the same listing as the device', async (t) => {
  const { stdout: dump } = await vfioHere(['config', 'mock:nvme', '-x']);
  const file = fileOf('nvme.txt', dump);
  const bare = (text: string) =>
    text
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/ \[size=\w+\]$/, ''));
  const [device, listed] = await Promise.all([
    vfioHere(['config', 'mock:nvme']),
    vfioHere(['config', file]),
  ]);
  t.deepEqual(bare(listed.stdout), bare(device.stdout));
  t.regex(listed.stdout, /^0000:00:00\.0 0108: 1b36:0010/);
  const registers = await vfioHere(['config', file, 'vendor_id', 'CAP_MSIX+2.w']);
  t.is(registers.stdout, 'vendor_id = 1b36\nCAP_MSIX+2.w = 0040\n');
  const write = await vfioHere(['config', file, 'COMMAND=6']);
  t.is(write.code, 2);
  t.regex(write.stderr, /a dump cannot be changed/);
});

const ROWS = (device: string) =>
  `00: 86 80 ${device} 07 04 10 00 02 00 00 02 00 00 00 00\n` +
  '10: 00 00 c0 fe 00 00 00 00 00 00 00 00 00 00 00 00\n' +
  '20: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n' +
  '30: 00 00 00 00 40 00 00 00 00 00 00 00 0b 01 00 00\n' +
  '40: 11 00 03 80 00 08 00 00 00 0c 00 00 00 00 00 00\n' +
  'f0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n';
const REGION = '\tRegion 0: Memory at fec00000 (32-bit, non-prefetchable) [size=16K]\n';
const SEVERAL = `01:00.0 Ethernet controller: one\n${REGION}${ROWS('d3 10')}\n0001:02:03.1 two\n${ROWS('d4 10')}`;

test('a dump of several functions needs an address', async (t) => {
  const file = fileOf('several.txt', SEVERAL);
  const { code, stderr } = await vfioHere(['config', file]);
  t.is(code, 2);
  t.regex(
    stderr,
    /contains 2 functions; choose with --address an address: 0000:01:00\.0, 0001:02:03\.1/,
  );
  const one = await vfioHere(['config', file, '--address', '01:00.0', 'device_id']);
  t.is(one.stdout, 'device_id = 10d3\n');
  const two = await vfioHere(['config', file, '--address', '0001:02:03.1', 'device_id']);
  t.is(two.stdout, 'device_id = 10d4\n');
  const none = await vfioHere(['config', file, '--address', '05:00.0']);
  t.regex(none.stderr, /does not contain the function 0000:05:00\.0: 0000:01:00\.0, /);
  const wrong = await vfioHere(['config', file, '--address', 'x']);
  t.regex(wrong.stderr, /--address must be like 01:00\.0/);
});

test('`vfio config -` reads a dump from standard input, with the sizes of lspci -v', async (t) => {
  const running = startVfio(['config', '-', '--address', '01:00.0']);
  running.stdin.end(SEVERAL);
  const { stdout } = await finish(running);
  t.regex(stdout, /Region 0: Memory at fec00000 \(32-bit, non-prefetchable\) \[size=16K\]/);
});

test('a file without a dump is refused', async (t) => {
  const empty = await vfioHere(['config', fileOf('empty.txt', 'hello\n')]);
  t.is(empty.code, 2);
  t.regex(empty.stderr, /contains no output of 'lspci -xxxx'/);
  const json = await vfioHere(['config', fileOf('card.json', '{}')]);
  t.regex(json.stderr, /a snapshot is opened as mock:/);
  const missing = await vfioHere(['config', join(folder, 'missing.txt')]);
  t.regex(missing.stderr, /ENOENT/);
  const device = await vfioHere(['config', 'mock:nvme', '--address', '01:00.0']);
  t.regex(device.stderr, /--address needs a file/);
});

test('a dump is decoded equally from a mail, from Markdown, and with other line breaks', async (t) => {
  const plain = await vfioHere(['config', fileOf('plain.txt', SEVERAL), '--address', '01:00.0']);
  t.is(plain.code, 0);
  const quote = (prefix: string) => SEVERAL.replace(/^/gm, prefix);
  const texts = {
    crlf: SEVERAL.replaceAll('\n', '\r\n'),
    bom: `\ufeff${SEVERAL}`,
    upper: SEVERAL.replace(/^\w+: [\w ]+$/gm, (row) => row.toUpperCase()),
    spaces: SEVERAL.replace(/$/gm, '  '),
    indented: quote('    '),
    quoted: quote('> > '),
    fenced: `\`\`\`\n${SEVERAL}\n\`\`\``,
    path: SEVERAL.replace('01:00.0', '00:1c.0/01:00.0'),
    device: SEVERAL.replace('01:00.0', 'Device:\t01:00.0\nClass:\t'),
    slot: SEVERAL.replace('01:00.0', 'Slot:\t01:00.0\nClass:\t'),
  };
  for (const [name, text] of Object.entries(texts)) {
    const file = fileOf(`${name}.txt`, text);
    const { stdout, stderr } = await vfioHere(['config', file, '--address', '01:00.0']);
    t.deepEqual([stdout, stderr], [plain.stdout, ''], name);
  }
});

test('a damaged dump is refused instead of decoded as zeros', async (t) => {
  const one = `01:00.0 one\n${ROWS('d3 10')}`;
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      'digit',
      one.replace('86 80', '86 8x'),
      /the row '00: 86 8x .*' of 0000:01:00\.0 is not 1 to 16/,
    ],
    ['first digit', one.replace('86 80', '8x 80'), /the row '00: 8x 80 .*' of 0000:01/],
    ['space', one.replace('10: 00', '10:  00'), /the row '10: {2}00 .*' of 0000:01/],
    ['joined', one.replace('86 80', '8680'), /the row '00: 8680 .*' of 0000:01/],
    ['row twice', `${one}10: 00\n`, /the dump of 0000:01:00\.0 has two rows 10/],
    ['empty', one.replace(/^20: .*$/m, '20:'), /the row '20:' of 0000:01/],
    ['long', one.replace('86 80', '86 80 00'), /is not 1 to 16 bytes in hex/],
    ['cut', one.replace('0b 01 00 00', '0b 01 0'), /the row '30: .* 0b 01 0' of/],
    ['first', one.replace(/^00: .*\n/m, ''), /lacks the row 00, which contains the ids/],
    ['far', `${one}1000: 00 11\n`, /0000:01:00\.0 has more than 4096 bytes/],
    ['twice', `${one}\n${one}`, /contains the function 0000:01:00\.0 2 times; keep one of them/],
    ['address', ROWS('d3 10'), /the row '00: 86 80 .*' has no address such as 01:00\.0 above/],
    ['setpci', '01:00.0 @00 = 86\n', /contains no output of 'lspci -xxxx'/],
  ];
  for (const [name, text, expected] of cases) {
    const { code, stderr } = await vfioHere(['config', fileOf(`${name}.txt`, text)]);
    t.is(code, 2, name);
    t.regex(stderr, expected, name);
  }
});

test('a mock device imitates a function of a dump', (t) => {
  const file = fileOf('mock.txt', SEVERAL);
  using first = openDeviceSync(`mock:${file}?address=01:00.0`);
  t.is(first.config.header().deviceId, 0x10d3);
  t.is(first.bar(0).size, 0x4000n);
  t.is(first.config.details('msix')?.vectors, 4);
  t.deepEqual(first.config.details('msix')?.enabled, false);
  // Without a size, the BAR has the smallest size that contains the MSI-X structures.
  using second = openDeviceSync(`mock:${file}?address=0001:02:03.1`);
  t.is(second.bar(0).size, 0x1000n);
  t.is(second.bar(1).size, 0n);
});

test('a mock device refuses a dump that it cannot imitate', (t) => {
  const open = (name: string, text: string, settings = '') => {
    const path = fileOf(name, text);
    return () => openDeviceSync(`mock:${path}${settings}`);
  };
  const short = `01:00.0 x\n${ROWS('d3 10').split('\n').slice(0, 4).join('\n')}\n`;
  t.throws(open('short.txt', short), {
    code: 'EINVAL',
    message: /contains 64 bytes .*lspci -xxx/,
  });
  t.throws(open('two.txt', SEVERAL), {
    code: 'EINVAL',
    message: /contains 2 functions; choose an address/,
  });
  t.throws(open('bad.txt', SEVERAL, '?address=zz'), {
    code: 'EINVAL',
    message: /address must be like/,
  });
  t.throws(open('none.txt', 'hello'), { code: 'EINVAL', message: /not a valid dump/ });
  const ones = `01:00.0 x\n${Array.from({ length: 16 }, (_, row) => `${row.toString(16)}0:${' ff'.repeat(16)}`).join('\n')}\n`;
  t.throws(open('ones.txt', ones), { code: 'EINVAL', message: /all ones/ });
  t.throws(open('row.txt', ROWS('d3 10')), { code: 'EINVAL', message: /has no address/ });
});
