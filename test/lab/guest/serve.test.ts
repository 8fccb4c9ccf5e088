// Serves the lab's NVMe controller to a client in this process.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import test from 'ava';
import { openDevice, PhysicalSource, VirtualIrqs, VirtualMsix } from '../../../lib/index.js';
import { native } from '../../../lib/native/binding.js';
import { CONFIG, GuestNvme } from '../../serve/guest-nvme.js';
import { COMMANDS, RawClient, words } from '../../serve/raw-client.js';
import { connect, startServer } from '../../serve/support.js';

const NVME = process.env.VFIO_LAB_NVME ?? '';
const DRIVER = '/sys/bus/pci/drivers/vfio-pci';
const calls = native();

const bound = () => existsSync(`/sys/bus/pci/devices/${NVME}/driver`);

test.afterEach.always(() => {
  if (!bound()) writeFileSync(`${DRIVER}/bind`, NVME);
});

async function findExpress(client: RawClient): Promise<number> {
  const config = await client.read(CONFIG, 0, 256);
  let at = config.readUInt8(0x34);
  while (config.readUInt8(at) !== 0x10) at = config.readUInt8(at + 1);
  return at;
}

test.serial('a client drives a real NVMe by memory and eventfds, and resets it', async (t) => {
  const server = await startServer(t, NVME);
  for (let round = 0; round < 2; round++) {
    const client = await RawClient.negotiated(server.path);
    t.is((await client.read(CONFIG, 4, 2)).readUInt16LE() & 4, 0, 'the bus master bit is clear');
    const nvme = new GuestNvme(t, client);
    await nvme.start();
    t.is((await nvme.identify()).readUInt16LE(0), 0x1b36);
    t.true((await nvme.interrupts()) > 0n);
    const express = await findExpress(client);
    for (const reset of [
      () => client.request(COMMANDS.reset),
      () => client.write(CONFIG, express + 8, Uint8Array.of(0x10, 0xa8)),
    ]) {
      t.is((await reset()).errno, 0);
      await client.write(CONFIG, 4, Uint8Array.of(0x06, 0x04));
      await nvme.enable();
      await nvme.identify();
      t.true((await nvme.interrupts()) > 0n);
    }
    const gone = once(server, 'gone');
    client.close();
    await gone;
  }
});

test.serial('the interrupts of a real NVMe reach a client by VirtualMsix', async (t) => {
  const device = await openDevice(NVME);
  t.teardown(() => {
    device.close();
  });
  const { table, pba, vectors } = device.config.details('msix') ?? t.fail('no MSI-X');
  const place = ({ bir, offset }: { bir: number; offset: number }) => ({ bar: bir, offset });
  const msix = new VirtualMsix({ vectors, table: place(table), pba: place(pba) });
  msix.attach(new PhysicalSource(device.connection));
  const server = await startServer(t, device, { interrupts: new VirtualIrqs(msix) });
  for (let round = 0; round < 2; round++) {
    const client = await RawClient.negotiated(server.path);
    const nvme = new GuestNvme(t, client);
    await nvme.start();
    await nvme.identify();
    t.true((await nvme.interrupts()) > 0n);
    t.is((await client.request(COMMANDS.reset)).errno, 0);
    await client.write(CONFIG, 4, Uint8Array.of(0x06, 0x04));
    await nvme.enable();
    await nvme.identify();
    t.true((await nvme.interrupts()) > 0n);
    const gone = once(server, 'gone');
    client.close();
    await gone;
    t.false(msix.enabled);
  }
});

test.serial('with `mmap`, a client maps a BAR of a real NVMe', async (t) => {
  const client = await connect(t, await startServer(t, NVME, { mmap: true }));
  await client.write(CONFIG, 4, Uint8Array.of(2, 0));
  const info = (argsz: number) =>
    client.request(COMMANDS.getRegionInfo, words(argsz, 0, 0, 0, 0n, 0n));
  const first = await info(32);
  const argsz = first.payload.readUInt32LE(0);
  for (const fd of first.fds) calls.close(fd);
  const { payload, fds } = await info(argsz);
  t.is(payload.readUInt32LE(4) & 7, 7);
  const [fd = -1] = fds;
  const start = Number(payload.readBigUInt64LE(24));
  const { handle, buffer } = calls.mapRegion(fd, start, 4096, true);
  // The client keeps the file. Without the close, the device could not be opened again.
  calls.close(fd);
  const [low, high] = new Uint32Array(buffer);
  calls.unmapRegion(handle, buffer);
  const capabilities = await client.read(0, 0, 8);
  t.deepEqual(words(low ?? 0, high ?? 0), capabilities);
  t.not(low, 0xffff_ffff);
});

test.serial('an unbind on the host ends the client and closes the server', async (t) => {
  const server = await startServer(t, NVME);
  const client = await RawClient.negotiated(server.path);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  const gone = once(server, 'gone');
  const start = performance.now();
  await promisify(execFile)('sh', ['-c', `echo ${NVME} > ${DRIVER}/unbind`], { timeout: 60_000 });
  const took = performance.now() - start;
  t.true(took < 9000, `${took} ms`);
  t.deepEqual(await gone, ['the host requested the device back']);
  await server.closed;
  t.false(bound());
  client.close();
});
