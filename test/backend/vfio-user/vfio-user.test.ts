import test from 'ava';
import { PAGE_SIZE as PAGE } from '../../../lib/checks.js';
import { openConnection, openDevice, openDeviceSync, VfioError } from '../../../lib/index.js';
import { collectGarbage, countFds } from '../../native/helpers.js';
import { kill, startFake, startServer } from './support.js';

const REGISTER = 0x1234_5678;
const SHARED_REGISTER = 0xfeed_f00d;

test.serial(
  'registers in a shared page are memory, and other registers are accessed by messages',
  async (t) => {
    using device = await openDevice(await startFake('a shared page'));
    const region = device.bar(0);
    t.is(region.sparseAreas, null);
    using window = region.map();
    t.is(window.read32(0), REGISTER);
    t.is(window.read32(PAGE), SHARED_REGISTER);
    t.is(region.load(PAGE, 4), 0, 'a message reads the register of the server');
    window.write32(PAGE + 4, 5);
    t.is(window.read64(PAGE), (5n << 32n) | BigInt(SHARED_REGISTER));
    t.is(region.load(PAGE + 4, 4), 0);
    window.write32(2 * PAGE, 6);
    t.is(region.load(2 * PAGE, 4), 6);
    using second = region.map({ offset: PAGE, length: PAGE });
    t.is(second.read32(0), SHARED_REGISTER);
  },
);

test.serial('when the server is killed, the device is gone, and nothing hangs', async (t) => {
  const server = await startServer(t, 'a shared page');
  const device = await openDevice(server.name);
  const window = device.bar(0).map();
  const vector = device.interrupts.msix.request(0);
  const next = t.throwsAsync(vector.next(), { code: 'ECANCELED' });
  const buffer = device.dma.allocateSync(PAGE);
  const events: string[] = [];
  window.on('lost', () => events.push('lost'));
  const reset = t.throwsAsync(
    device.reset().then(() => device.reset()),
    { code: 'EBADF' },
  );
  await kill(server);
  await next;
  await reset;
  t.true(vector.closed);
  t.false(device.closed);
  for (const offset of [0, PAGE]) {
    t.is(window.read32(offset), 0xffff_ffff);
    t.is(window.read64(offset), 2n ** 64n - 1n);
    t.is(window.read8(offset), 0xff);
    window.write32(offset, 1);
    const block = new Uint8Array(4);
    window.readBlock(offset, block, 2);
    t.deepEqual([...block], [0xff, 0xff, 0xff, 0xff]);
  }
  t.true(window.lost);
  t.deepEqual(events, ['lost']);
  for (const use of [
    () => device.config.read32(0),
    () => device.bar(0).load(0, 4),
    () => device.interrupts.msix.request(1),
    () => device.dma.allocateSync(PAGE),
    () => device.features.probe(5),
    () => device.createEventfd(),
    () => {
      device.resetSync();
    },
  ]) {
    const error = t.throws(use, { instanceOf: VfioError, code: 'EBADF' });
    t.regex(error.hint ?? '', /The device is gone .*the server closed the connection/);
  }
  buffer.free();
  t.is(device.dma.mapped, 0);
  device.close();
  t.throws(() => window.read32(0), { code: 'EBADF' });
});

test.serial('a wait for interrupts ends when the server is killed', async (t) => {
  const server = await startServer(t, 'correct');
  const device = await openDevice(server.name);
  device.interrupts.msix.request(0);
  const poller = device.interrupts.poll();
  server.process.kill('SIGKILL');
  t.throws(() => poller.wait(-1), { code: 'EBADF' });
  device.close();
});

test.serial('the server reads and writes memory by messages while a call waits', async (t) => {
  using device = await openDevice(await startFake('DMA by messages'));
  using window = device.bar(0).map();
  for (const buffer of [
    device.dma.allocateSync(PAGE),
    device.dma.mapSync(new SharedArrayBuffer(PAGE, { maxByteLength: PAGE })),
  ]) {
    const view = new DataView(buffer.buffer);
    view.setBigUint64(16, 0x0123_4567_89ab_cdefn, true);
    window.write64(0x100, buffer.iova + 16n);
    t.is(window.read64(0x108), 0x0123_4567_89ab_cdefn);
    t.is(view.getUint32(24, true), 0xc0de);
    const fields = 16;
    t.is(window.read32(0x110), fields);
  }
});

test.serial('the server reaches only mapped memory, with the access of the mapping', async (t) => {
  using device = await openDevice(await startFake('DMA by messages'));
  using window = device.bar(0).map();
  const refused = 0xeeee_eeee;
  window.write64(0x100, BigInt(5 * PAGE));
  t.is(window.read32(0x108), refused);
  const readable = device.dma.allocateSync(PAGE, { access: 'read' });
  window.write64(0x100, readable.iova);
  t.is(window.read64(0x108), 0n);
  t.is(window.read32(0x110), 0, 'the write failed');
  t.true(readable.bytes.every((byte) => byte === 0));
  const end = readable.iova + BigInt(PAGE) - 4n;
  window.write64(0x100, end);
  t.is(window.read32(0x108), refused, 'the range ends after the mapping');
  const { iova } = readable;
  readable.free();
  window.write64(0x100, iova);
  t.is(window.read32(0x108), refused);
});

test.serial('DMA by messages works while the thread waits for an interrupt', async (t) => {
  using device = await openDevice(await startFake('DMA before an interrupt'));
  using window = device.bar(0).map();
  const buffer = device.dma.allocateSync(PAGE);
  buffer.bytes.fill(0x5a);
  const vector = device.interrupts.msix.request(1);
  const poller = device.interrupts.poll();
  window.write64(0x100, buffer.iova);
  t.is(poller.wait(10_000), 1);
  t.is(window.read32(4), 0x5a5a_5a5a);
  window.write64(0x100, buffer.iova);
  t.is(poller.spin(10_000_000), 1);
  t.is(poller.wait(5), 0);
  poller.close();
  const next = vector.next();
  window.write64(0x100, buffer.iova);
  t.is(await next, 1n, 'the event loop answers the server, too');
});

test.serial('a command that arrives with a reply is answered while the thread waits', async (t) => {
  using device = await openDevice(await startFake('DMA behind a reply'));
  using window = device.bar(0).map();
  const buffer = device.dma.allocateSync(PAGE);
  device.interrupts.msix.request(1);
  using poller = device.interrupts.poll();
  window.write64(0x100, buffer.iova);
  t.is(poller.wait(10_000), 1);
  window.write64(0x100, buffer.iova);
  t.is(poller.spin(10_000_000), 1);
});

test.serial('many buffers use one descriptor, and freed memory is used again', async (t) => {
  using device = await openDevice(await startFake('correct'));
  device.dma.allocateSync(PAGE);
  await collectGarbage();
  const before = countFds();
  const buffers = Array.from({ length: 500 }, () => device.dma.allocateSync(PAGE));
  t.is(countFds(), before);
  for (const [n, { bytes }] of buffers.entries()) bytes.fill(n);
  t.true(buffers.every(({ bytes }, n) => bytes.every((byte) => byte === (n & 0xff))));
  for (const buffer of buffers) buffer.free();
  const again = device.dma.allocateSync(500 * PAGE);
  t.true(again.bytes.every((byte) => byte === 0));
  t.is(device.dma.mapped, 501 * PAGE);
});

test.serial(
  'a request with many eventfds is split by the server’s number of descriptors',
  async (t) => {
    const connection = await openConnection(await startFake('correct'));
    const [one, two, three] = [0, 1, 2].map(() => connection.createEventfd());
    const eventfds = [one ?? null, two ?? null, three ?? null, null];
    t.is(connection.setIrqs({ index: 2, flags: 0x24, start: 0, count: 4, eventfds }), 0);
    t.throws(() => connection.setIrqs({ index: 2, flags: 0x24, start: 0, count: 5, eventfds }), {
      code: 'EINVAL',
    });
    for (const eventfd of eventfds) eventfd?.close();
    connection.close();
  },
);

test.serial('calls without a command in the protocol fail with ENOTTY', async (t) => {
  using device = await openDevice(await startFake('correct'));
  const { connection } = device;
  t.is(device.via, 'vfio-user');
  t.is(connection.kernel, 'vfio-user 0.1');
  const eventfd = device.createEventfd();
  for (const use of [
    () => device.hotResetInfo(),
    () => {
      device.hotReset();
    },
    () => {
      device.bar(0).ioeventfd({ offset: 0, width: 4, value: 0n, eventfd });
    },
    () => {
      device.attachPasid(1);
    },
    () => {
      device.detachPasid(1);
    },
    () => device.interrupts.msix.request(0).getAffinity(),
    () => {
      device.features.enterLowPower({ wakeup: eventfd });
    },
  ]) {
    const error = t.throws(use, { instanceOf: VfioError, code: 'ENOTTY' });
    t.regex(error.hint ?? '', /vfio-user has no such command/);
    device.interrupts.msix.disable();
  }
  eventfd.close();
});

test.serial('a path without a server is an error with the path and a hint', async (t) => {
  for (const [path, code, hint] of [
    ['/nowhere/s', 'ENOENT', /vfio serve <device> --socket \/nowhere\/s/],
    ['/dev/null', 'ENOTSOCK', /path of the socket/],
    ['/', 'ENOTSOCK', /path of the socket/],
    [`/tmp/${'x'.repeat(103)}`, 'ENAMETOOLONG', /107 bytes/],
    ['', 'EINVAL', /\/run\/device\.sock/],
  ] as const) {
    const error = await t.throwsAsync(openDevice(`vfio-user:${path}`), { instanceOf: VfioError });
    t.is(error.code, code, path);
    t.regex(error.hint ?? '', hint);
    t.true(error.message.includes(path));
  }
});

test.serial('options of other devices are refused', async (t) => {
  const name = await startFake('correct');
  t.throws(() => openDeviceSync(name, { noiommu: true }), { instanceOf: TypeError });
  const fds = { via: 'cdev', iommufd: 0, device: 0 } as const;
  t.throws(() => openDeviceSync(name, { fds }), { instanceOf: TypeError });
  const vfToken = '00112233-4455-6677-8899-aabbccddeeff';
  t.throws(() => openDeviceSync(name, { vfToken }), { code: 'EINVAL' });
});
