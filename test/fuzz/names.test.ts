// Tests the parsers of names and texts with random inputs. Each input must be parsed correctly or
// refused.
import test from 'ava';
import { openDeviceSync, VfioError } from 'vfio';
import fc from '../fast-check.js';
import { parseAddress } from '../../lib/contract/names.js';
import { parseCpuList } from '../../lib/backend/kernel/affinity.js';
import { parseUuid } from '../../lib/contract/uuid.js';
import { fuzz } from './inputs.js';

const piece = fc.constantFrom(
  ...[
    'mock:',
    'nvme',
    'edu',
    'testdev',
    '#',
    '?',
    '&',
    '=',
    'kernel',
    '6.1',
    '6.12',
    '7.2',
    '7.3',
    'via',
  ],
  ...[
    'cdev',
    'group',
    'dmabuf',
    'novirt',
    'function',
    'vfs=2',
    'vf=',
    'on',
    'off',
    '0000:',
    '01:',
    '00',
    '.0',
    '.7',
    '__proto__',
  ],
  ...['constructor', '..', '/', '\0', ' ', '\n', 'é', '-', '1f', 'ffff', '%00'],
);
const text = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
  fc.array(piece, { maxLength: 6 }).map((pieces) => `mock:nvme${pieces.join('')}`),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

/** The complete grammar of mock device names as one regular expression. */
const SETTING =
  '(?:kernel=(?:6\\.1|6\\.12|7\\.2|7\\.3)|(?:dmabuf|novirt|variant)=(?:on|off)|via=(?:group|cdev)|function=[01]|vfs=[1-9]\\d{0,2}|vf=\\d{1,3})';
const MOCK = new RegExp(`^mock:[^#?]*(?:#[^#?]*)?(?:\\?(?:${SETTING}?(?:&${SETTING}?)*))?$`, 's');

test('openDeviceSync() with a random name opens a device or throws an error with an errno', async (t) => {
  let opened = 0;
  await fuzz(t, 500, text, (name) => {
    try {
      openDeviceSync(name).close();
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      if (error.path === undefined) throw new Error('the error has no path', { cause: error });
      return;
    }
    opened++;
    if (!MOCK.test(name)) throw new Error('openDeviceSync() opened a device with an invalid name');
  });
  t.true(opened > 0);
});

test('parseAddress() converts every valid address to its canonical form', async (t) => {
  const digits = fc.stringMatching(
    /^([0-9a-fA-F]{1,8}:)?[0-9a-fA-F]{1,3}:[0-9a-fA-F]{1,2}\.[0-9]$/,
  );
  await fuzz(t, 1000, fc.oneof(text, digits), (name) => {
    const address = parseAddress(name);
    if (address === null) return;
    if (parseAddress(address) !== address) throw new Error('not canonical');
    const [, , device = ''] = address.split(/[:.]/);
    if (parseInt(device, 16) > 0x1f || !name.toLowerCase().includes(device))
      throw new Error(address);
  });
});

test('parseUuid() returns the 16 bytes of a UUID or throws a TypeError', async (t) => {
  const near = fc.oneof(
    fc.uuid(),
    fc.uuid().map((uuid) => uuid.replace('-', '')),
    text,
  );
  await fuzz(t, 500, near, (name) => {
    let bytes: Uint8Array;
    try {
      ({ bytes } = parseUuid(name, 'vfToken'));
    } catch (error) {
      if (error instanceof TypeError) return;
      throw error;
    }
    if (Buffer.from(bytes).toString('hex') !== name.replaceAll('-', '').toLowerCase()) {
      throw new Error('wrong bytes');
    }
  });
});

test('parseCpuList() returns non-negative integers', async (t) => {
  const range = fc
    .tuple(fc.nat(70), fc.option(fc.nat(70)))
    .map(([first, more]) => (more === null ? `${first}` : `${first}-${first + more}`));
  const list = fc.array(range, { maxLength: 5 }).map((ranges) => `${ranges.join(',')}\n`);
  await fuzz(t, 500, list, (written) => {
    for (const cpu of parseCpuList(written)) {
      if (!Number.isInteger(cpu) || cpu < 0) throw new Error(`CPU ${cpu}`);
    }
  });
});
