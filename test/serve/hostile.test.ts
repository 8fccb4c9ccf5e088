// Clients that break the protocol, disappear, or use up resources. The server lives, closes all
// descriptors of the client, and serves the next client.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../lib/checks.js';
import type { DeviceServer } from '../../lib/index.js';
import { native } from '../../lib/native/binding.js';
import { countFds, temporaryFile } from '../native/helpers.js';
import { GuestNvme, RAM_SIZE } from './guest-nvme.js';
import { COMMANDS, header, RawClient, words } from './raw-client.js';
import { connect, createEventfd, GuestRam, startServer } from './support.js';

const PAGE = BigInt(PAGE_SIZE);
const { EINVAL, ENOTSUP, ENOMEM, ENOSPC } = constants.errno;
const calls = native();

/** Checks that the server serves another client, and that no descriptor is left. */
async function checkNext(t: ExecutionContext, server: DeviceServer, before: number) {
  t.is(countFds(), before);
  const client = await RawClient.negotiated(server.path);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  t.is((await nvme.identify()).readUInt16LE(0), 0x1b36);
  const gone = once(server, 'gone');
  client.close();
  await gone;
}

/** Sends bytes as a client, and waits until the server ends the client. @returns the reason */
async function sendAndEnd(
  server: DeviceServer,
  send: (client: RawClient) => void | Promise<void>,
): Promise<string> {
  const gone = once(server, 'gone') as Promise<[string]>;
  const client = await RawClient.negotiated(server.path);
  await send(client);
  await client.waitForEnd();
  client.close();
  return (await gone)[0];
}

test.serial('messages of wrong sizes end the client', async (t) => {
  const server = await startServer(t, 'mock:nvme#sizes');
  const before = countFds();
  for (const [size, why] of [
    [0, /^EBADMSG/],
    [15, /^EBADMSG/],
    [2 ** 21, /^EMSGSIZE/],
    [2 ** 31, /^EMSGSIZE/],
    [2 ** 32 - 1, /^EMSGSIZE/],
  ] as const) {
    const reason = await sendAndEnd(server, (client) => {
      client.sendBytes(header(1, COMMANDS.getInfo, size));
    });
    t.regex(reason, why, `${size}`);
  }
  await checkNext(t, server, before);
});

test.serial('17 descriptors end the client; 16 descriptors are accepted and closed', async (t) => {
  const server = await startServer(t, 'mock:nvme#descriptors');
  const fd = createEventfd(t);
  const before = countFds();
  const reason = await sendAndEnd(server, (client) => {
    const message = Buffer.concat([header(1, COMMANDS.getInfo, 32), words(16, 0, 0, 0)]);
    client.sendBytes(message, new Array<number>(17).fill(fd));
  });
  t.regex(reason, /^EMSGSIZE/);
  const client = await RawClient.negotiated(server.path);
  const sixteen = new Array<number>(16).fill(fd);
  t.is((await client.request(COMMANDS.getInfo, words(16, 0, 0, 0), sixteen)).errno, 0);
  t.is((await client.request(COMMANDS.dmaMap, words(32, 3, 0n, 0n, PAGE), sixteen)).errno, EINVAL);
  t.is((await client.request(COMMANDS.getInfo, words(16, 0, 0, 0))).errno, 0);
  const gone = once(server, 'gone');
  client.close();
  await gone;
  await checkNext(t, server, before);
});

test.serial('descriptors that are not memory are refused', async (t) => {
  const server = await startServer(t, 'mock:nvme#no-memory');
  const client = await connect(t, server);
  const pipe = calls.socketConnect(server.path);
  const disk = openSync(temporaryFile(2 * PAGE_SIZE), 'r+');
  const folder = openSync('/dev/shm', 'r');
  const zero = openSync('/dev/zero', 'r+');
  const proc = openSync('/proc/self/mem', 'r');
  const before = countFds();
  for (const fd of [pipe, createEventfd(t), folder, zero]) {
    t.is((await client.mapDma(fd, 0n, 0n, PAGE)).errno, EINVAL);
  }
  t.is((await client.mapDma(proc, 0n, 0n, PAGE)).errno, ENOTSUP);
  // The test's folder can be on tmpfs.
  t.true([0, ENOTSUP].includes((await client.mapDma(disk, 0n, 0n, PAGE)).errno));
  t.is(countFds(), before + 1);
  for (const fd of [disk, folder, zero, proc]) closeSync(fd);
  calls.close(pipe);
});

test.serial('pipelined maps keep their own memory', async (t) => {
  const server = await startServer(t, 'mock:nvme#pipelined');
  const client = await connect(t, server);
  const rams = Array.from({ length: 8 }, () => new GuestRam(t, RAM_SIZE));
  for (const [i, { fd }] of rams.entries()) {
    const iova = 0x1000_0000n * BigInt(i + 1);
    client.send(COMMANDS.dmaMap, words(32, 3, 0n, iova, BigInt(RAM_SIZE)), [fd]);
    client.send(COMMANDS.dmaMap, words(32, 1, 0n, iova + 0x100_0000n, PAGE));
  }
  for (let n = 0; n < 16; n++) t.is((await client.reply()).errno, 0);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  // Identify writes to the memory of the fourth map.
  const entry = Buffer.alloc(64);
  entry.writeUInt32LE(6, 0);
  entry.writeBigUInt64LE(0x4000_0000n, 24);
  entry.writeUInt32LE(1, 40);
  nvme.ram.write(0x1000, entry);
  client.post(0, 0x1000, words(1));
  await nvme.interrupts();
  t.deepEqual(
    rams.map((ram) => ram.read(0, 2).readUInt16LE()),
    [0, 0, 0, 0x1b36, 0, 0, 0, 0],
  );
});

test.serial('a client that shrinks its memory under DMA is ended', async (t) => {
  const server = await startServer(t, 'mock:nvme#shrinks');
  const before = countFds();
  const client = await RawClient.negotiated(server.path);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  await nvme.identify();
  const gone = once(server, 'gone') as Promise<[string]>;
  nvme.ram.shrink(0);
  client.post(0, 0x1000, words(2));
  await client.waitForEnd();
  t.regex((await gone)[0], /^EFAULT: the client has taken mapped memory away/);
  client.close();
  // The guest's file and eventfd stay open until the end of the test.
  await checkNext(t, server, before + 2);
});

test.serial('a client has at most 65,535 mappings, of at most 256 files', async (t) => {
  const server = await startServer(t, 'mock:nvme#many');
  const before = countFds();
  const client = await RawClient.negotiated(server.path);
  const send = async (first: number, count: number) => {
    for (let page = BigInt(first); page < first + count; page++) {
      client.send(COMMANDS.dmaMap, words(32, 1, 0n, page * 2n * PAGE, PAGE));
    }
    for (let n = 0; n < count; n++) {
      const { errno } = await client.reply();
      if (errno !== 0) return errno;
    }
    return 0;
  };
  for (let first = 0; first < 65_535; first += 255) t.is(await send(first, 255), 0);
  t.is(await send(65_535, 1), ENOSPC);
  t.is((await client.unmapDma(0n, 0n, 2)).errno, 0);
  const rams = Array.from({ length: 257 }, () => new GuestRam(t, PAGE_SIZE));
  const errnos: number[] = [];
  for (const [i, { fd }] of rams.entries()) {
    errnos.push((await client.mapDma(fd, 0n, BigInt(i) * PAGE, PAGE)).errno);
  }
  t.deepEqual(errnos, [...new Array<number>(256).fill(0), ENOMEM]);
  const gone = once(server, 'gone');
  client.close();
  await gone;
  await checkNext(t, server, before + 257);
});

test.serial(
  'a client that never reads its replies is served no further, and can go on',
  async (t) => {
    const server = await startServer(t, 'mock:nvme#never-reads');
    const before = countFds();
    const client = await RawClient.negotiated(server.path);
    client.pause();
    let sent = 0;
    // The server stops reading when the replies fill the socket. Then the commands fill the socket.
    for (let idle = 0; idle < 20 && sent < 100_000;) {
      try {
        client.send(COMMANDS.regionRead, words(0n, 7, 256));
        sent++;
        idle = 0;
      } catch {
        idle++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    t.true(sent < 100_000);
    client.resume();
    for (let n = 0; n < sent; n++) t.is((await client.reply()).errno, 0);
    const gone = once(server, 'gone');
    client.close();
    await gone;
    await checkNext(t, server, before);
  },
);

test.serial(
  'a client that stops in the middle of a message does not delay the others',
  async (t) => {
    const server = await startServer(t, 'mock:nvme#stops');
    const before = countFds();
    for (const length of [1, 15, 16, 31]) {
      const client = await RawClient.negotiated(server.path);
      const message = Buffer.concat([header(1, COMMANDS.getInfo, 32), words(16, 0, 0, 0)]);
      client.sendBytes(message.subarray(0, length));
      const second = new RawClient(server.path);
      await second.waitForEnd();
      second.close();
      const gone = once(server, 'gone');
      client.close();
      await gone;
    }
    await checkNext(t, server, before);
  },
);

test.serial('a client that is killed while DMA is under way leaves nothing behind', async (t) => {
  const server = await startServer(t, 'mock:nvme#killed');
  const before = countFds();
  for (let round = 0; round < 3; round++) {
    const client = fork(fileURLToPath(new URL('programs/busy-client.js', import.meta.url)), [
      server.path,
    ]);
    const gone = once(server, 'gone') as Promise<[string]>;
    await once(client, 'message');
    client.kill('SIGKILL');
    await gone;
    await once(client, 'close');
  }
  await checkNext(t, server, before);
});
