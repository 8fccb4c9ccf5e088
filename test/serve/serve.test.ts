import { constants } from 'node:os';
import { once } from 'node:events';
import test from 'ava';
import { PAGE_SIZE } from '../../lib/checks.js';
import { openConnection, openDevice } from '../../lib/index.js';
import { mockControl } from '../../lib/mock.js';
import { countFds } from '../native/helpers.js';
import { CONFIG, GuestNvme } from './guest-nvme.js';
import { COMMANDS, header, RawClient, words } from './raw-client.js';
import { connect, GuestRam, startServer } from './support.js';

const PAGE = BigInt(PAGE_SIZE);
const { EINVAL, ENOTSUP, EEXIST, EACCES } = constants.errno;

test('the server answers QEMU with version 0.0 and a subset of its capabilities', async (t) => {
  const server = await startServer(t, 'mock:nvme#version');
  const client = new RawClient(server.path);
  t.teardown(() => {
    client.close();
  });
  const { payload, errno } = await client.negotiate();
  t.is(errno, 0);
  t.is(payload.readUInt32LE(0), 0);
  t.is(payload.at(-1), 0);
  t.deepEqual(JSON.parse(payload.subarray(4, -1).toString()), {
    capabilities: {
      max_msg_fds: 16,
      max_data_xfer_size: 1048576,
      max_dma_maps: 65535,
      pgsizes: PAGE_SIZE,
      write_multiple: true,
    },
  });
});

test('a version without capabilities, or with a newer minor version, is accepted', async (t) => {
  const server = await startServer(t, 'mock:nvme#minor');
  const client = new RawClient(server.path);
  const answer = await client.request(COMMANDS.version, words((7 << 16) | 0));
  t.is(answer.payload.readUInt16LE(2), 1);
  t.false(answer.payload.includes('write_multiple'));
  t.is((await client.request(COMMANDS.writeMulti, words(0n))).errno, ENOTSUP);
  client.close();
});

test('a wrong version is refused, and the client can try again', async (t) => {
  const server = await startServer(t, 'mock:nvme#wrong-version');
  const client = new RawClient(server.path);
  t.is((await client.request(COMMANDS.version, words(1))).errno, ENOTSUP);
  t.is((await client.negotiate('{"capabilities": {"max_msg_fds": "many"}}')).errno, EINVAL);
  t.is((await client.negotiate('{')).errno, EINVAL);
  t.is((await client.negotiate()).errno, 0);
  client.close();
});

test('every region and interrupt below the counts has an answer without error', async (t) => {
  const server = await startServer(t, 'mock:edu#info');
  const client = await connect(t, server);
  const info = await client.request(COMMANDS.getInfo, words(32, 0, 0, 0));
  t.is(info.payload.length, 16);
  const [argsz, flags, regions, irqs] = new Uint32Array(info.payload.buffer.slice(0, 16));
  t.deepEqual([argsz, flags, regions, irqs], [16, 3, 9, 5]);
  const sizes: bigint[] = [];
  for (let index = 0; index < 9; index++) {
    const { errno, payload } = await client.request(
      COMMANDS.getRegionInfo,
      words(32, 0, index, 0, 0n, 0n),
    );
    t.is(errno, 0);
    t.is(payload.readUInt32LE(0), 32);
    t.is(payload.readUInt32LE(8), index);
    // No region can be mapped, and no region has capabilities.
    t.is(payload.readUInt32LE(4) & ~3, 0);
    sizes.push(payload.readBigUInt64LE(16));
  }
  t.deepEqual(sizes, [0x10_0000n, 0n, 0n, 0n, 0n, 0n, 0n, 256n, 0n]);
  const counts: number[] = [];
  for (let index = 0; index < 5; index++) {
    const { errno, payload } = await client.request(COMMANDS.getIrqInfo, words(16, 0, index, 0));
    t.is(errno, 0);
    // The flag NORESIZE is clear.
    t.is(payload.readUInt32LE(4) & 8, 0);
    counts.push(payload.readUInt32LE(12));
  }
  t.deepEqual(counts, [1, 1, 0, 0, 1]);
  const beyond = [COMMANDS.getRegionInfo, COMMANDS.getIrqInfo] as const;
  for (const command of beyond) {
    t.is((await client.request(command, words(32, 0, 9, 0, 0n, 0n))).errno, EINVAL);
  }
});

test('commands that the server does not support are ENOTSUP', async (t) => {
  const server = await startServer(t, 'mock:edu#unsupported');
  const client = await connect(t, server);
  for (const command of [6, 11, 12, 14, 16, 17, 18, 0, 19, 65535]) {
    t.is((await client.request(command, Buffer.alloc(64))).errno, ENOTSUP, `${command}`);
  }
});

test('config space and registers are read and written in every width', async (t) => {
  const server = await startServer(t, 'mock:edu#access');
  const client = await connect(t, server);
  t.is((await client.read(CONFIG, 0, 256)).readUInt32LE(0), 0x11e8_1234);
  const written = await client.write(CONFIG, 0x3c, Uint8Array.of(11));
  t.is(written.errno, 0);
  t.deepEqual(written.payload, words(0x3cn, CONFIG, 1));
  t.is((await client.read(CONFIG, 0x3c, 1))[0], 11);
  await client.write(CONFIG, 4, Uint8Array.of(2));
  client.post(0, 4, words(0x1234_5678));
  t.is((await client.read(0, 4, 4)).readUInt32LE(), 0xedcb_a987);
  // The factorial register has 4 bytes; the DMA source register has 8 bytes.
  client.post(0, 0x80, words(0x1_0000_0008n));
  t.is((await client.read(0, 0x80, 8)).readBigUInt64LE(), 0x1_0000_0008n);
  const reply = await client.request(
    COMMANDS.writeMulti,
    Buffer.concat([words(2n), words(4n, 0, 4, 5, 0), words(0x80n, 0, 8, 0x44n)]),
  );
  t.deepEqual(reply.payload, words(2n));
  t.is((await client.read(0, 4, 4)).readUInt32LE(), 0xffff_fffa);
  t.is((await client.read(0, 0x80, 8)).readBigUInt64LE(), 0x44n);
});

test('accesses outside of a region and wrong counts are EINVAL', async (t) => {
  const server = await startServer(t, 'mock:edu#outside');
  const client = await connect(t, server);
  const read = (region: number, offset: bigint, count: number) =>
    client.request(COMMANDS.regionRead, words(offset, region, count)).then(({ errno }) => errno);
  t.is(await read(CONFIG, 255n, 2), EINVAL);
  t.is(await read(CONFIG, 2n ** 64n - 1n, 1), EINVAL);
  t.is(await read(0, 2n ** 53n, 1), EINVAL);
  t.is(await read(1, 0n, 4), EINVAL);
  t.is(await read(9, 0n, 4), EINVAL);
  t.is(await read(2 ** 32 - 1, 0n, 4), EINVAL);
  t.is(await read(0, 0n, 2 ** 20 + 1), constants.errno.E2BIG);
  const fields = words(0n, CONFIG, 5);
  const reply = await client.request(
    COMMANDS.regionWrite,
    Buffer.concat([fields, Buffer.alloc(4)]),
  );
  t.is(reply.errno, EINVAL);
  for (const command of [3, 5, 7, 8, 9, 10, 15]) {
    t.is((await client.request(command, Buffer.alloc(3))).errno, EINVAL, `${command}`);
  }
  t.is((await client.request(COMMANDS.dmaMap, Buffer.alloc(31))).errno, EINVAL);
});

test('a failed posted write gets no reply, and is reported at most 10 times a second', async (t) => {
  const server = await startServer(t, 'mock:edu#posted');
  const errors: Error[] = [];
  server.on('error', (error) => errors.push(error));
  const client = await connect(t, server);
  for (let n = 0; n < 50; n++) client.post(0, 0x200_0000, words(1));
  t.is((await client.read(CONFIG, 0, 4)).length, 4);
  t.is(errors.length, 10);
  t.regex(errors[0]?.message ?? '', /EINVAL: 4 bytes at offset 33554432 exceed region 0/);
});

test('a guest drives mock:nvme by shared memory, posted writes and an eventfd', async (t) => {
  const server = await startServer(t, 'mock:nvme#guest');
  const nvme = new GuestNvme(t, await connect(t, server));
  await nvme.start();
  for (let n = 0; n < 40; n++) {
    const data = await nvme.identify();
    t.is(data.readUInt16LE(0), 0x1b36);
    t.true((await nvme.interrupts()) > 0n);
  }
});

test('DEVICE_RESET and an FLR reset the device, and keep the eventfd of its vector', async (t) => {
  const server = await startServer(t, 'mock:nvme#reset');
  const client = await connect(t, server);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  await nvme.identify();
  await nvme.interrupts();
  const express = await findCapability(client, 0x10);
  const resets = [
    () => client.request(COMMANDS.reset),
    () => client.write(CONFIG, express + 8, Uint8Array.of(0x10, 0xa8)),
  ];
  for (const reset of resets) {
    t.is((await reset()).errno, 0);
    t.is((await client.read(0, 0x1c, 4))[0], 0, 'the controller is disabled');
    await client.write(CONFIG, 4, Uint8Array.of(0x06, 0x04));
    await nvme.enable();
    await nvme.identify();
    t.true((await nvme.interrupts()) > 0n);
  }
});

test('a second client is closed at once, and the first client goes on', async (t) => {
  const server = await startServer(t, 'mock:nvme#second');
  const first = await connect(t, server);
  const second = new RawClient(server.path);
  await second.waitForEnd();
  second.close();
  t.is((await first.read(CONFIG, 0, 2)).length, 2);
});

test.serial(
  'after the end of a client, the next client finds a reset device without the old state',
  async (t) => {
    for (const open of [
      () => Promise.resolve('mock:nvme#next'),
      () => openDevice('mock:nvme#next-device'),
      () => openConnection('mock:nvme#next-connection'),
    ]) {
      const device = await open();
      const before = countFds();
      const server = await startServer(t, device);
      const clients: number[] = [];
      let first: Buffer | undefined;
      server.on('client', ({ pid, uid }) => clients.push(pid, uid));
      for (let round = 0; round < 3; round++) {
        const client = await RawClient.negotiated(server.path);
        const config = await client.read(CONFIG, 0, 256);
        first ??= config;
        t.deepEqual(config, first);
        t.is(config.readUInt16LE(4) & 4, 0, 'the bus master bit is clear');
        t.is((await client.read(0, 0x1c, 4))[0], 0, 'the controller is disabled');
        const nvme = new GuestNvme(t, client);
        await client.write(CONFIG, 0x3c, Uint8Array.of(5));
        await client.write(CONFIG, 0x10, words(0xfebf_0000));
        await nvme.start();
        await nvme.identify();
        client.close();
        t.deepEqual(await once(server, 'gone'), ['the client closed its connection']);
      }
      t.deepEqual(
        clients,
        Array.from({ length: 3 }, () => [process.pid, process.getuid?.()]).flat(),
      );
      await server.close();
      // Each of the three guests has an eventfd and a file, which the test closes at its end.
      t.is(countFds(), before + 3 * 2);
      if (typeof device !== 'string') device.close();
    }
  },
);

test('a client that connects after the death of the last client is served', async (t) => {
  const server = await startServer(t, 'mock:nvme#after-death');
  for (let round = 0; round < 5; round++) {
    const client = await RawClient.negotiated(server.path);
    client.close();
  }
  t.pass();
});

test('maps with and without descriptors, and unmaps of many and none', async (t) => {
  const server = await startServer(t, 'mock:nvme#maps');
  const client = await connect(t, server);
  const unshared: Error[] = [];
  server.on('unshared', (error) => unshared.push(error));
  const ram = new GuestRam(t, 0x10_0000);
  const map = async (...args: Parameters<RawClient['mapDma']>) =>
    (await client.mapDma(...args)).errno;
  t.is(await map(ram.fd, 0n, 0n, 4n * PAGE), 0);
  t.is(await map(ram.fd, 0n, 3n * PAGE, PAGE), EEXIST);
  t.is(await map(undefined, 0n, 3n * PAGE, 2n * PAGE), EEXIST);
  t.is(await map(ram.fd, 8n * PAGE, 4n * PAGE, PAGE), 0);
  // A ROM: read-only, without a descriptor.
  t.is(await map(undefined, 0n, 6n * PAGE, PAGE, 1), 0);
  t.is(unshared.length, 0);
  t.is(await map(undefined, 0n, 8n * PAGE, PAGE), 0);
  t.is(await map(undefined, 0n, 9n * PAGE, PAGE), 0);
  t.is(unshared.length, 1);
  t.regex((unshared[0] as { hint?: string }).hint ?? '', /share=on/);
  for (const [offset, iova, size, flags] of [
    [1n, 0x100_0000n, PAGE, 3],
    [0n, 0x100_0001n, PAGE, 3],
    [0n, 0x100_0000n, PAGE - 1n, 3],
    [0n, 0x100_0000n, 0n, 3],
    [0n, 0x100_0000n, PAGE, 0],
    [0n, 2n ** 64n - PAGE, 2n * PAGE, 3],
    [0x10_0000n, 0x100_0000n, PAGE, 3],
    [2n ** 63n, 0x100_0000n, PAGE, 3],
    [2n ** 64n - PAGE, 0x100_0000n, 2n * PAGE, 3],
  ] as const) {
    t.is(await map(ram.fd, offset, iova, size, flags), EINVAL, `${offset} ${iova} ${size}`);
  }
  t.is((await client.unmapDma(PAGE, PAGE)).errno, EINVAL);
  t.is((await client.unmapDma(0x100_0000n, 0xffff_ffff_0110_0000n)).errno, 0);
  const reply = await client.unmapDma(0n, 10n * PAGE);
  t.is(reply.errno, 0);
  t.deepEqual(reply.payload, words(24, 0, 0n, 10n * PAGE));
  t.is(await map(ram.fd, 0n, 0n, PAGE), 0);
  t.is((await client.unmapDma(0n, 0n, 2)).errno, 0);
  t.is(await map(ram.fd, 0n, 0n, PAGE), 0);
});

test('a mapping that the IOMMU refuses is an error reply and an error event', async (t) => {
  const name = 'mock:nvme#memlock';
  const server = await startServer(t, name);
  const errors: Error[] = [];
  server.on('error', (error) => errors.push(error));
  mockControl(name).limit({ memlock: 2n * PAGE });
  const client = await connect(t, server);
  const ram = new GuestRam(t, 0x10_0000);
  t.is((await client.mapDma(ram.fd, 0n, 0n, 2n * PAGE)).errno, 0);
  t.is((await client.mapDma(ram.fd, 0n, 0x10_0000n, PAGE)).errno, constants.errno.ENOMEM);
  t.is((await client.mapDma(ram.fd, 0n, 0n, PAGE)).errno, EEXIST);
  t.is(errors.length, 1, 'an error of the client itself is only a reply');
  t.like(errors[0], { code: 'ENOMEM' });
});

test('read-only memory is mapped for reads only', async (t) => {
  const server = await startServer(t, 'mock:nvme#read-only');
  const client = await connect(t, server);
  const { openSync, closeSync } = await import('node:fs');
  const ram = new GuestRam(t, 2 * PAGE_SIZE);
  const readOnly = openSync(`/proc/self/fd/${ram.fd}`, 'r');
  t.is((await client.mapDma(readOnly, 0n, 0n, PAGE, 3)).errno, EACCES);
  t.is((await client.mapDma(readOnly, 0n, 0n, PAGE, 1)).errno, 0);
  t.is((await client.mapDma(ram.fd, PAGE, PAGE, PAGE, 3)).errno, 0);
  closeSync(readOnly);
});

test('the server ends a client that sends a reply, or does not begin with its version', async (t) => {
  const server = await startServer(t, 'mock:nvme#order');
  for (const bytes of [
    header(1, COMMANDS.getInfo, 16),
    header(1, COMMANDS.version, 16),
    header(1, COMMANDS.version, 16, 1),
  ]) {
    const client = new RawClient(server.path);
    const gone = once(server, 'gone') as Promise<[string]>;
    client.sendBytes(bytes);
    await client.waitForEnd();
    t.regex((await gone)[0], /^EPROTO: /);
    client.close();
  }
});

async function findCapability(client: RawClient, id: number): Promise<number> {
  const config = await client.read(CONFIG, 0, 256);
  for (let at = config.readUInt8(0x34); at !== 0; at = config.readUInt8(at + 1)) {
    if (config.readUInt8(at) === id) return at;
  }
  throw new Error(`no capability ${id}`);
}
