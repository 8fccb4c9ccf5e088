// Servers that break the protocol or use up resources. The client ends the connection, and neither
// hangs nor crashes.
import test from 'ava';
import { PAGE_SIZE } from '../../../lib/checks.js';
import { openDevice, openDeviceSync, VfioError } from '../../../lib/index.js';
import { collectGarbage, countFds } from '../../native/helpers.js';
import { AFTER_FAILED_READ, readOnce } from './failed-read.js';
import { startFake } from './support.js';

const ONES = 0xffff_ffff;
const REGISTER = 0x1234_5678;

for (const [behaviour, code, message] of [
  ['version 1.0', 'ENOTSUP', /version 1\.0/],
  ['no JSON', 'EINVAL', /not JSON/],
  ['no descriptors', 'EINVAL', /max_msg_fds is 0/],
  ['tiny transfers', 'EINVAL', /max_data_xfer_size is 4/],
  ['a short version, then a command', 'EPROTO', /only 0 bytes/],
  ['no PCI device', 'ENODEV', /not a PCI device/],
  ['no configuration space', 'EPROTO', /7 regions/],
  ['endless regions', 'EPROTO', /4294967295 regions/],
  ['endless interrupts', 'EPROTO', /4294967295 interrupts/],
  ['closes at once', 'ECONNRESET', /closed the connection/],
] as const) {
  test.serial(`open fails on a server with: ${behaviour}`, async (t) => {
    const name = await startFake(behaviour);
    const before = countFds();
    const error = await t.throwsAsync(openDevice(name), { instanceOf: VfioError, code });
    t.regex(error.message, message);
    t.true(error.message.includes(name), error.message);
    t.throws(() => openDeviceSync(name), { code });
    await collectGarbage();
    t.is(countFds(), before);
  });
}

for (const [behaviour, code, message] of [
  ['wrong id', 'EPROTO', /reply to VFIO_USER_REGION_READ without a command/],
  ['wrong command', 'EPROTO', /reply to VFIO_USER_REGION_WRITE without a command/],
  ['wrong type', 'EPROTO', /type 2/],
  ['size 0', 'EBADMSG', /recvmsg/],
  ['size 15', 'EBADMSG', /recvmsg/],
  ['size 2^31', 'EMSGSIZE', /recvmsg/],
  ['17 descriptors', 'EMSGSIZE', /recvmsg/],
  ['header only', 'EPROTO', /only 0 bytes/],
] as const) {
  test.serial(`a read ends the connection to a server with: ${behaviour}`, async (t) => {
    const name = await startFake(behaviour);
    const before = countFds();
    const seen = await readOnce(name);
    t.like(seen, { ...AFTER_FAILED_READ, code });
    t.regex(seen.message, message);
    await collectGarbage();
    t.is(countFds(), before);
  });
}

test.serial('an error reply with an impossible errno is EIO', async (t) => {
  for (const behaviour of ['errno 0', 'errno 2^31']) {
    using device = await openDevice(await startFake(behaviour));
    t.throws(() => device.bar(0).load(0, 4), { code: 'EIO' });
    t.is(device.config.read16(0), 0x1b36);
  }
});

test.serial('a reply that is longer than the read ends the connection', async (t) => {
  using device = await openDevice(await startFake('too long'));
  t.throws(() => device.bar(0).read(0, 64), { code: 'EPROTO', message: /4080 bytes, not 64/ });
});

test.serial('descriptors that no command asked for are closed', async (t) => {
  using device = await openDevice(await startFake('unexpected descriptors'));
  const before = countFds();
  for (let n = 0; n < 10; n++) t.is(device.bar(0).load(0, 4), 1);
  t.is(device.config.read16(0), 0x1b36);
  t.true(countFds() <= before + 16);
});

test.serial('a command that the client does not know has an error reply', async (t) => {
  using device = await openDevice(await startFake('an unknown command'));
  const isErrorReply = 0x21;
  t.is(device.bar(0).load(0, 4), isErrorReply);
});

for (const [behaviour, use] of [
  ['long region information', (device) => device.bar(0)],
  ['a large configuration space', (device) => device.config.read16(0)],
  ['endless vectors', (device) => device.interrupts.msix.count],
] as const satisfies readonly [
  string,
  (device: Awaited<ReturnType<typeof openDevice>>) => unknown,
][]) {
  test.serial(`a client refuses: ${behaviour}`, async (t) => {
    const name = await startFake(behaviour);
    await collectGarbage();
    const before = countFds();
    await t.throwsAsync(
      async () => {
        using device = await openDevice(name);
        use(device);
      },
      { code: 'EPROTO' },
    );
    await collectGarbage();
    t.is(countFds(), before);
  });
}

test.serial('an endless chain of capabilities is read once', async (t) => {
  using device = await openDevice(await startFake('an endless chain'));
  t.is(device.bar(0).size, BigInt(3 * PAGE_SIZE));
});

test.serial('a file that is too short reads all ones, and does not end the process', async (t) => {
  using device = await openDevice(await startFake('a short file'));
  using window = device.bar(0).map();
  t.is(window.read32(0), REGISTER);
  t.false(window.lost);
  t.is(window.read32(PAGE_SIZE), ONES);
  t.true(window.lost);
  window.write32(PAGE_SIZE, 1);
  t.true(window.lost);
  t.is(window.read32(0), REGISTER);
  t.false(window.lost);
});

test.serial(
  'an area beyond the region is cut, and other files are accessed by messages',
  async (t) => {
    for (const behaviour of [
      'a sparse area beyond the region',
      'an eventfd in place of memory',
      'a file of /proc in place of memory',
    ]) {
      const before = countFds();
      const device = await openDevice(await startFake(behaviour));
      using window = device.bar(0).map();
      t.is(window.size, 3 * PAGE_SIZE);
      t.is(window.read32(0), REGISTER);
      t.is(window.read32(3 * PAGE_SIZE - 4), 0);
      device.close();
      t.true(countFds() <= before + 8, behaviour);
    }
  },
);
