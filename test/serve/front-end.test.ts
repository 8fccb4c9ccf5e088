// The option `interrupts`: a virtual front end in the place of the device's own interrupts.
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  type InterruptFrontEnd,
  openDevice,
  serveDevice,
  VirtualIntx,
  VirtualIrqs,
  type VirtualIrqsOptions,
  VirtualMsi,
  VirtualMsix,
  VirtualReq,
} from '../../lib/index.js';
import { temporaryFolder } from '../native/helpers.js';
import { SIGNAL } from './card.js';
import {
  CONTROL,
  counts,
  listCapabilities,
  PBA,
  read16,
  serveCard,
  virtualMsi,
  virtualMsix,
} from './front-end.js';
import { CONFIG } from './guest-nvme.js';
import { RawClient, words } from './raw-client.js';
import { connect, createEventfds, range, readEventfd, startServer } from './support.js';

const { EINVAL } = constants.errno;
const [INTX, MSI, MSIX, ERR, REQ] = [0, 1, 2, 3, 4] as const;
const BIND = 0x24;
const LOOPBACK = 0x21;
/** Offsets of the capabilities of mock:serve-card. */
const [CARD_MSI, CARD_MSIX, CARD_PCIE] = [0x40, 0x60, 0x80] as const;
const MSIX_ENABLE_AND_MASK = 0xc000;

test('SET_IRQS, IRQ_INFO and the capability reach a VirtualMsix', async (t) => {
  const { msix, software } = virtualMsix();
  const client = await connect(t, await serveCard(t, 'software', { msix }));
  t.deepEqual(await counts(client), [0, 0, 20, 0, 1]);
  const fds = createEventfds(t, 20);
  t.is((await client.setIrqs(MSIX, BIND, 0, 1)).errno, 0);
  t.true(msix.enabled);
  t.is((await client.setIrqs(MSIX, BIND, 0, 16, fds.slice(0, 16))).errno, 0);
  t.is((await client.setIrqs(MSIX, BIND, 16, 4, fds.slice(16))).errno, 0);
  for (const vector of range(20)) t.is(software.sendSignal(vector), 'delivered');
  t.deepEqual(fds.map(readEventfd), new Array<bigint>(20).fill(1n));
  // A signal of the device reaches nobody, because the front end replaces its interrupts.
  client.post(0, SIGNAL, words(3));
  await client.read(0, SIGNAL, 4);
  t.is(readEventfd(fds[3] ?? -1), 0n);
  t.is((await client.setIrqs(MSIX, LOOPBACK, 0, 0)).errno, 0);
  t.false(msix.enabled);
  t.is((await client.setIrqs(MSIX, LOOPBACK, 0, 0)).errno, 0, 'a disabled index is disabled again');
});

test('only SET_IRQS enables: a config write of Enable or Function Mask changes no delivery', async (t) => {
  const { msix, software } = virtualMsix();
  const client = await connect(t, await serveCard(t, 'enable', { msix }));
  const control = CARD_MSIX + CONTROL;
  const [fd = -1] = createEventfds(t, 1);
  await client.write(CONFIG, control, Uint8Array.of(0x13, 0x80));
  t.false(msix.enabled);
  t.is(await read16(client, control), 19);
  t.is((await client.setIrqs(MSIX, BIND, 0, 1, [fd])).errno, 0);
  t.is(await read16(client, control), 0x8000 | 19);
  for (const bits of [MSIX_ENABLE_AND_MASK, 0]) {
    await client.write(CONFIG, control, words(bits).subarray(0, 2));
    t.is(software.sendSignal(0), 'delivered');
    t.is(readEventfd(fd), 1n);
  }
});

test('reads of the pending bits reach the front end, and an access is split at their edges', async (t) => {
  const { msix, software } = virtualMsix();
  const client = await connect(t, await serveCard(t, 'pending', { msix }));
  const [fd = -1] = createEventfds(t, 1);
  await client.setIrqs(MSIX, BIND, 0, 20);
  for (const vector of [0, 9, 17]) t.is(software.sendSignal(vector), 'pending');
  const bits = 2 ** 0 + 2 ** 9 + 2 ** 17;
  t.is((await client.read(0, PBA, 4)).readUInt32LE(), bits);
  t.is((await client.read(0, PBA, 8)).readBigUInt64LE(), BigInt(bits));
  t.is((await client.read(0, PBA + 4, 4)).readUInt32LE(), 0);
  const wide = await client.read(0, PBA - 8, 32);
  t.is(wide.readUInt32LE(8), bits);
  t.is((await client.write(0, PBA, words(0))).errno, 0, 'a write is dropped');
  t.is((await client.setIrqs(MSIX, BIND, 9, 1, [fd])).errno, 0);
  t.is(readEventfd(fd), 1n, 'the bind delivers the pending interrupt');
  t.is((await client.read(0, PBA, 4)).readUInt32LE(), bits - 2 ** 9);
});

test('the header and the neighbours of a capability belong to the device', async (t) => {
  const { msi } = virtualMsi();
  const { msix } = virtualMsix();
  const client = await connect(t, await serveCard(t, 'neighbours', { msi, msix }));
  t.deepEqual(await listCapabilities(client), [0x05, 0x11, 0x10]);
  const config = await client.read(CONFIG, 0, 256);
  t.is(config.readUInt16LE(0), 0x1234);
  t.is(config.readUInt16LE(CARD_MSI + CONTROL), 0x18a, '32 vectors, 64 bits, maskable');
  t.is(config.readUInt16LE(CARD_MSIX + CONTROL), 19);
  t.is(config.readUInt32LE(CARD_MSIX + 8), PBA);
  // One write of the cache line size and one that straddles the start of the capability.
  await client.write(CONFIG, 0x0c, Uint8Array.of(16));
  await client.write(CONFIG, CARD_MSI, words(0x20_0000, 0xfee0_1000));
  t.is((await client.read(CONFIG, 0x0c, 1))[0], 16);
  t.is((await client.read(CONFIG, CARD_MSI + 4, 4)).readUInt32LE(), 0xfee0_1000);
  t.is(msi.message(0).address, 0xfee0_1000n);
  t.is((await listCapabilities(client)).length, 3);
});

test('capabilities and the interrupt pin that the front end lacks are hidden', async (t) => {
  const { msix } = virtualMsix();
  const { msi } = virtualMsi();
  const device = await openDevice('mock:serve-card#intx-events');
  t.teardown(() => {
    device.close();
  });
  const intx = new VirtualIntx(device.connection);
  for (const [irqs, ids, pin] of [
    [{ msix }, [0x11, 0x10], 0],
    [{ msi, intx }, [0x05, 0x10], 1],
    [{}, [0x10], 0],
  ] as const) {
    const client = await connect(t, await serveCard(t, `hidden-${ids.join('-')}`, irqs));
    t.deepEqual(await listCapabilities(client), ids);
    const config = await client.read(CONFIG, 0, 256);
    t.is(config.readUInt8(0x3d), pin);
    if (!ids.some((id) => id === 0x05)) {
      await client.write(CONFIG, CARD_MSI + 4, words(0xfee0_0000));
      t.deepEqual(await client.read(CONFIG, CARD_MSI, 24), Buffer.alloc(24));
    }
    t.is(config.readUInt8(CARD_PCIE), 0x10);
  }
});

test('a trap of configuration space comes before the front end', async (t) => {
  const { msix } = virtualMsix();
  const written: number[] = [];
  const server = await startServer(t, 'mock:serve-card#trap-first', {
    interrupts: new VirtualIrqs(msix),
    traps: [
      {
        region: CONFIG,
        offset: CARD_MSIX + CONTROL,
        size: 2,
        read: () => 0x4242,
        write: (_offset, _width, value) => written.push(Number(value)),
      },
    ],
  });
  const client = await connect(t, server);
  t.is((await client.read(CONFIG, CARD_MSIX, 4)).readUInt32LE(), 0x4242_8011);
  await client.write(CONFIG, CARD_MSIX + CONTROL, Uint8Array.of(1, 2));
  t.deepEqual(written, [0x201]);
  t.is((await client.read(CONFIG, CARD_MSIX + 8, 4)).readUInt32LE(), PBA);
});

test('a capability that only a trap shows can belong to the front end', async (t) => {
  const msix = new VirtualMsix({
    vectors: 4,
    table: { bar: 0, offset: 0 },
    pba: { bar: 0, offset: 64 },
  });
  const shown = Buffer.from([0x11, 0x00]);
  const trap = (offset: number, bytes: Uint8Array) => ({
    region: CONFIG,
    offset,
    size: bytes.length,
    read: (at: number, width: number) => Buffer.from(bytes).readUIntLE(at, width),
  });
  const options = {
    interrupts: new VirtualIrqs(msix),
    socket: join(temporaryFolder(), 's'),
  };
  await t.throwsAsync(serveDevice('mock:edu#shown', options), {
    code: 'ENOENT',
    message: /the option interrupts has MSI-X, but the device has no MSI-X capability/,
  });
  const server = await startServer(t, 'mock:edu#shown', {
    ...options,
    traps: [trap(0x34, Buffer.of(0xc0)), trap(0xc0, shown)],
  });
  const client = await connect(t, server);
  t.deepEqual(await listCapabilities(client), [0x11]);
  t.is(await read16(client, 0xc0 + CONTROL), 3);
});

test('REQ is a request of the virtual device; ERR does not exist', async (t) => {
  const { msix } = virtualMsix();
  const req = new VirtualReq();
  const server = await serveCard(t, 'req', { msix, req });
  const errors: Error[] = [];
  server.on('error', (error) => errors.push(error));
  const client = await RawClient.negotiated(server.path);
  const [fd = -1] = createEventfds(t, 1);
  t.is((await client.setIrqs(ERR, BIND, 0, 1, [fd])).errno, EINVAL);
  t.is((await client.setIrqs(INTX, BIND, 0, 1, [fd])).errno, EINVAL);
  t.false(req.requestDevice());
  t.is((await client.setIrqs(REQ, BIND, 0, 1, [fd])).errno, 0);
  t.true(req.requestDevice());
  t.is(readEventfd(fd), 1n);
  t.is((await client.setIrqs(REQ, BIND, 0, 1)).errno, 0);
  t.false(req.requestDevice());
  t.is((await client.setIrqs(REQ, BIND, 0, 1, [fd])).errno, 0);
  const gone = once(server, 'gone');
  client.close();
  await gone;
  t.false(req.requestDevice());
  t.deepEqual(errors, []);
});

test('a front end that does not fit the device is refused', async (t) => {
  const socket = join(temporaryFolder(), 's');
  const device = await openDevice('mock:serve-card#fit');
  t.teardown(() => {
    device.close();
  });
  const serve = (name: string, irqs: VirtualIrqsOptions) =>
    serveDevice(name, { socket, interrupts: new VirtualIrqs(irqs) });
  const { msi } = virtualMsi();
  const intx = new VirtualIntx(device.connection);
  await t.throwsAsync(serve('mock:nvme#fit', { msi }), { code: 'ENOENT', message: /has MSI, but/ });
  await t.throwsAsync(serve('mock:testdev#fit', { intx }), {
    code: 'ENOENT',
    message: /has INTx, but the device has no interrupt pin/,
  });
  const [table, pba] = [
    { bar: 0, offset: 0 },
    { bar: 0, offset: 4096 },
  ];
  await t.throwsAsync(
    serve('mock:serve-card#fit-pba', { msix: new VirtualMsix({ vectors: 1, table, pba }) }),
    {
      code: 'EINVAL',
      message: /pending bits of interrupts end at 0x1008, but BAR 0 of the device has 4096 bytes/,
    },
  );
  for (const interrupts of [null, {}, new VirtualMsi({ vectors: 1 })]) {
    const options = { socket, interrupts: interrupts as unknown as InterruptFrontEnd };
    await t.throwsAsync(serveDevice('mock:nvme#fit', options), { instanceOf: TypeError });
  }
});

test('MSI keeps the written message and mask bits, and the next client finds neither', async (t) => {
  const { msi, software } = virtualMsi();
  const server = await serveCard(t, 'next', { msi });
  let first: Buffer | undefined;
  for (let round = 0; round < 2; round++) {
    const client = await RawClient.negotiated(server.path);
    const config = await client.read(CONFIG, 0, 256);
    first ??= config;
    t.deepEqual(config, first);
    await client.write(CONFIG, CARD_MSI + 4, words(0xfee0_1000, 0x1));
    await client.write(CONFIG, CARD_MSI + 12, Uint8Array.of(0x20, 0x40));
    await client.write(CONFIG, CARD_MSI + CONTROL, Uint8Array.of(0x51, 0));
    const fds = createEventfds(t, 16);
    t.is((await client.setIrqs(MSI, BIND, 0, 16, fds)).errno, 0);
    t.deepEqual(msi.guestMessage, { address: 0x1_fee0_1000n, data: 0x4020, vectors: 32 });
    t.is(software.sendSignal(2), 'delivered');
    await client.write(CONFIG, CARD_MSI + 16, words(0b100));
    t.is((await client.read(CONFIG, CARD_MSI + 16, 4)).readUInt32LE(), 0b100);
    t.is(software.sendSignal(2), 'pending');
    t.is((await client.read(CONFIG, CARD_MSI + 20, 4)).readUInt32LE(), 0b100);
    t.is(readEventfd(fds[2] ?? -1), 1n);
    const gone = once(server, 'gone');
    client.close();
    await gone;
    t.false(msi.enabled);
    t.false(msi.pending(2));
    t.deepEqual(msi.guestMessage, { address: 0n, data: 0, vectors: 0 });
  }
});

test('pending bits of one client do not reach the next client', async (t) => {
  const { msix, software } = virtualMsix();
  const server = await serveCard(t, 'stale-pending', { msix });
  for (let round = 0; round < 2; round++) {
    const client = await RawClient.negotiated(server.path);
    t.is((await client.read(0, PBA, 4)).readUInt32LE(), 0);
    const [fd = -1] = createEventfds(t, 1);
    t.is((await client.setIrqs(MSIX, BIND, 1, 1, [fd])).errno, 0);
    t.is(readEventfd(fd), 0n);
    t.is((await client.setIrqs(MSIX, BIND, 1, 1)).errno, 0);
    t.is(software.sendSignal(1), 'pending');
    const gone = once(server, 'gone');
    client.close();
    await gone;
  }
});
