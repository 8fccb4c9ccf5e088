// The option `interrupts` with front ends whose interrupts come from the served device.
import { once } from 'node:events';
import test from 'ava';
import {
  openDevice,
  PhysicalSource,
  VirtualIrqs,
  VirtualMsix,
  WindowRewriter,
} from '../../lib/index.js';
import { countFds } from '../native/helpers.js';
import { IRREGULAR, RAISE, SENT, WINDOW } from '../virtual/message/wlan.js';
import { SIGNAL } from './card.js';
import { CARD_SHAPE, CONTROL, read16, virtualMsi, virtualMsix } from './front-end.js';
import { CONFIG, GuestNvme } from './guest-nvme.js';
import { COMMANDS, RawClient, words } from './raw-client.js';
import { connect, createEventfds, range, readEventfd, startServer } from './support.js';

const [MSI, MSIX] = [1, 2] as const;
const BIND = 0x24;
/** Location of the MSI-X structures of mock:nvme. */
const NVME_SHAPE = { table: { bar: 0, offset: 0x2000 }, pba: { bar: 0, offset: 0x3000 } };

test.serial('a guest drives mock:nvme by VirtualMsix and PhysicalSource', async (t) => {
  const device = await openDevice('mock:nvme#physical');
  t.teardown(() => {
    device.close();
  });
  const msix = new VirtualMsix({ ...NVME_SHAPE, vectors: device.interrupts.msix.count });
  msix.attach(new PhysicalSource(device.connection));
  const server = await startServer(t, device, { interrupts: new VirtualIrqs(msix) });
  const before = countFds();
  for (let round = 0; round < 2; round++) {
    const client = await RawClient.negotiated(server.path);
    const nvme = new GuestNvme(t, client);
    await nvme.start();
    t.is((await nvme.identify()).readUInt16LE(0), 0x1b36);
    t.true((await nvme.interrupts()) > 0n);
    // DEVICE_RESET and an FLR keep the eventfd of the vector.
    for (const reset of [
      () => client.request(COMMANDS.reset),
      () => client.write(CONFIG, 0x88, Uint8Array.of(0x10, 0xa8)),
    ]) {
      t.is((await reset()).errno, 0);
      t.is((await client.read(0, 0x1c, 4))[0], 0, 'the controller is disabled');
      t.true(msix.enabled);
      await client.write(CONFIG, 4, Uint8Array.of(0x06, 0x04));
      await nvme.enable();
      await nvme.identify();
      t.true((await nvme.interrupts()) > 0n);
    }
    // While the vector is unbound, its interrupt stays pending; the next bind delivers it.
    t.is((await client.setIrqs(MSIX, BIND, 0, 1)).errno, 0);
    await nvme.identify();
    while ((await client.read(0, NVME_SHAPE.pba.offset, 4)).readUInt32LE() === 0) continue;
    t.is(readEventfd(nvme.vector), 0n);
    t.is((await client.setIrqs(MSIX, BIND, 0, 1, [nvme.vector])).errno, 0);
    t.is(await nvme.interrupts(), 1n);
    const gone = once(server, 'gone');
    client.close();
    await gone;
    t.false(msix.enabled);
    // The memory and the eventfd of the guest stay open until the end of the test.
    t.is(countFds(), before + 2 * (round + 1));
  }
});

test('a client enables 20 MSI-X vectors of a PhysicalSource in pieces on kernel 6.1', async (t) => {
  const device = await openDevice('mock:serve-card#pieces?kernel=6.1');
  t.teardown(() => {
    device.close();
  });
  const msix = new VirtualMsix(CARD_SHAPE);
  msix.attach(new PhysicalSource(device.connection));
  const client = await connect(
    t,
    await startServer(t, device, { interrupts: new VirtualIrqs(msix) }),
  );
  await client.write(CONFIG, 4, Uint8Array.of(6, 0));
  const info = await client.request(COMMANDS.getIrqInfo, words(16, 0, MSIX, 0));
  t.deepEqual([info.payload.readUInt32LE(4) & 8, info.payload.readUInt32LE(12)], [0, 20]);
  const fds = createEventfds(t, 20);
  t.is((await client.setIrqs(MSIX, BIND, 0, 1)).errno, 0);
  t.is((await client.setIrqs(MSIX, BIND, 0, 16, fds.slice(0, 16))).errno, 0);
  t.is((await client.setIrqs(MSIX, BIND, 16, 4, fds.slice(16))).errno, 0);
  for (const vector of range(20)) client.post(0, SIGNAL, words(vector));
  await client.read(0, SIGNAL, 4);
  t.deepEqual(fds.map(readEventfd), new Array<bigint>(20).fill(1n));
});

test('mock:wlan behind WindowRewriter and VirtualMsi: 32 vectors in pieces raise the right eventfd', async (t) => {
  const device = await openDevice('mock:wlan#rewriter?layout=irregular');
  t.teardown(() => {
    device.close();
  });
  device.config.update('command', { memory: 1, bus_master: 1 });
  device.messages.novirt.enable();
  const { msi, software } = virtualMsi({ maskable: false });
  device.interrupts.msi.enable({ vectors: 32 });
  for (const vector of range(32)) {
    device.interrupts.msi.request(vector).on('interrupt', () => software.sendSignal(vector));
  }
  const rewriter = new WindowRewriter(device, {
    ...{ place: WINDOW, guest: msi, index: 'msi', highBits: 0xff },
  });
  const server = await startServer(t, device, {
    interrupts: new VirtualIrqs({ msi }),
    traps: [
      {
        ...WINDOW,
        read: (offset, width) =>
          width === 8 ? rewriter.read(offset, 8) : rewriter.read(offset, width),
        write: (offset, width, value) => {
          if (width === 8) rewriter.write(offset, 8, value as bigint);
          else rewriter.write(offset, width, value as number);
        },
      },
    ],
  });
  const capability = 0x50;
  const [source] = IRREGULAR;
  for (let round = 0; round < 2; round++) {
    const client = await RawClient.negotiated(server.path);
    t.is((await client.read(CONFIG, capability + 4, 4)).readUInt32LE(), 0, 'no address is left');
    t.is((await client.read(0, WINDOW.offset + source, 4)).readUInt32LE(), 0, 'no word is left');
    // QEMU forwards the writes of the capability before SET_IRQS.
    await client.write(CONFIG, capability + 4, words(0xfee0_0000));
    await client.write(CONFIG, capability + 12, Uint8Array.of(0x40, 0));
    await client.write(CONFIG, capability + CONTROL, Uint8Array.of(0xdb, 0));
    t.is((await read16(client, capability + CONTROL)) & 0x71, 0x50, 'Enable is still clear');
    const fds = createEventfds(t, 32);
    t.is((await client.setIrqs(MSI, BIND, 0, 16, fds.slice(0, 16))).errno, 0);
    t.is((await client.setIrqs(MSI, BIND, 16, 16, fds.slice(16))).errno, 0);
    t.is((await read16(client, capability + CONTROL)) & 0x71, 0x51);
    for (const vector of range(32)) {
      const entry = vector % IRREGULAR.length;
      const at = WINDOW.offset + (IRREGULAR[entry] ?? 0);
      client.post(0, at, words(0xfee0_0000));
      client.post(0, at + 4, words(0x100));
      client.post(0, at + 8, words(0x40 + vector));
      t.is((await client.read(0, at + 8, 4)).readUInt32LE(), 0x40 + vector);
      client.post(0, RAISE, words(entry));
      const fd = fds[vector] ?? -1;
      let count = 0n;
      while (count === 0n) {
        await client.read(0, SENT, 4);
        count = readEventfd(fd);
      }
      t.is(count, 1n);
    }
    t.deepEqual(fds.map(readEventfd), new Array<bigint>(32).fill(0n));
    // A reset of the device clears the window, and keeps the bindings.
    t.is((await client.request(COMMANDS.reset)).errno, 0);
    t.is((await client.read(0, WINDOW.offset + source, 4)).readUInt32LE(), 0);
    t.true(msi.enabled);
    const gone = once(server, 'gone');
    client.close();
    await gone;
  }
});

test('the interrupts that the host uses itself survive a client', async (t) => {
  const device = await openDevice('mock:serve-card#host');
  t.teardown(() => {
    device.close();
  });
  const { msix } = virtualMsix();
  const server = await startServer(t, device, { interrupts: new VirtualIrqs(msix) });
  // The host enables MSI of the device after the start of the server. The client does not see MSI.
  device.config.update('command', { memory: 1, bus_master: 1 });
  const vector = device.interrupts.msi.request(0);
  const client = await RawClient.negotiated(server.path);
  const gone = once(server, 'gone');
  client.close();
  await gone;
  device.config.update('command', { memory: 1, bus_master: 1 });
  device.bar(0).map().write32(SIGNAL, 0);
  t.is(await vector.next(), 1n);
});
