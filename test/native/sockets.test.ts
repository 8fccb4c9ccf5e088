import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { native } from '../../lib/native/binding.js';
import { connectedPair, message } from './streams.js';
import { countFds, runChild, temporaryFolder } from './helpers.js';

const calls = native();
const READABLE = 1;
const WRITABLE = 2;

test('a socket file has mode 0600, even with a lax umask', async (t) => {
  const path = join(temporaryFolder(), 's');
  const { output, code } = await runChild(`
    const native = await load();
    process.umask(0);
    native.socketListen('${path}');
  `);
  t.is(code, 0, output);
  t.is(statSync(path).mode & 0o777, 0o600);
});

test('listening fails on a file that exists and on a path that is too long', (t) => {
  const path = join(temporaryFolder(), 's');
  writeFileSync(path, '');
  t.throws(() => calls.socketListen(path), { code: 'EADDRINUSE' });
  t.throws(() => calls.socketListen(`/tmp/${'x'.repeat(103)}`), { code: 'ENAMETOOLONG' });
  t.throws(() => calls.socketConnect(path), { code: 'ECONNREFUSED' });
});

test('an accepted socket knows the process and the user of its peer', (t) => {
  const pair = connectedPair();
  t.deepEqual(calls.socketPeer(pair.serverFd), { pid: process.pid, uid: process.getuid?.() ?? -1 });
  t.is(calls.socketAccept(pair.listener), null);
  pair.close();
});

test('a stream receives whole messages only', (t) => {
  const pair = connectedPair();
  const bytes = message(1, 100);
  t.is(calls.streamReceive(pair.server), 0);
  for (const part of [bytes.subarray(0, 7), bytes.subarray(7, 50), bytes.subarray(50, 99)]) {
    pair.send(part);
    t.is(calls.streamReceive(pair.server), 0);
  }
  pair.send(bytes.subarray(99));
  t.is(calls.streamReceive(pair.server), 100);
  t.deepEqual(pair.received(100), bytes);
  pair.close();
});

test('one call receives all messages that have arrived, and keeps the start of the next', (t) => {
  const pair = connectedPair();
  const sent = [message(1, 16), message(2, 40), message(3, 16)];
  for (const bytes of sent) pair.send(bytes);
  pair.send(message(4, 32).subarray(0, 20));
  t.is(calls.streamReceive(pair.server), 72);
  t.deepEqual(pair.received(72), Buffer.concat(sent));
  pair.send(message(4, 32).subarray(20));
  t.is(calls.streamReceive(pair.server), 32);
  t.deepEqual(pair.received(32), message(4, 32));
  pair.close();
});

test('descriptors belong to the message that one sendmsg() carried', (t) => {
  const before = countFds();
  const pair = connectedPair();
  const fds = [calls.eventfdCreate(), calls.eventfdCreate(), calls.eventfdCreate()] as const;
  pair.send(message(1, 48));
  pair.send(message(2, 48), [fds[0]]);
  pair.send(message(3, 36), [fds[1], fds[2]]);
  pair.send(message(4, 300));
  pair.send(message(5, 48).subarray(0, 20), [fds[0]]);
  const batches: [ids: number[], fds: number][] = [];
  const receive = () => {
    const ids = receivedIds(pair);
    const received = calls.streamTakeFds(pair.server);
    batches.push([ids, received.length]);
    for (const fd of received) calls.close(fd);
  };
  for (let n = 0; n < 3; n++) receive();
  t.deepEqual(batches, [
    [[1, 2], 1],
    [[3], 2],
    [[4], 0],
  ]);
  pair.send(message(5, 48).subarray(20));
  pair.send(message(6, 16));
  receive();
  receive();
  t.deepEqual(batches.slice(3), [
    [[5], 1],
    [[6], 0],
  ]);
  pair.close();
  for (const fd of fds) calls.close(fd);
  t.is(countFds(), before);
});

test('messages can fill the buffer and end between reads', (t) => {
  const pair = connectedPair();
  const sent = Array.from({ length: 40 }, (_, i) => message(i, 16 + ((i * 211) % 1500)));
  const all = Buffer.concat(sent);
  for (let at = 0; at < all.length; at += 700) pair.send(all.subarray(at, at + 700));
  const received: Buffer[] = [];
  for (let size = calls.streamReceive(pair.server); size > 0;) {
    received.push(pair.received(size));
    size = calls.streamReceive(pair.server);
  }
  t.deepEqual(Buffer.concat(received), all);
  pair.close();
});

test('descriptors can come before the rest of their message', (t) => {
  const pair = connectedPair();
  const fd = calls.eventfdCreate();
  pair.send(message(1, 48).subarray(0, 16), [fd]);
  t.is(calls.streamReceive(pair.server), 0);
  t.deepEqual(calls.streamTakeFds(pair.server), []);
  pair.send(message(1, 48).subarray(16));
  t.is(calls.streamReceive(pair.server), 48);
  const [received] = calls.streamTakeFds(pair.server);
  calls.eventfdSignal(received ?? -1);
  t.is(calls.eventfdRead(fd), 1n);
  calls.close(received ?? -1);
  calls.close(fd);
  pair.close();
});

test('descriptors that nobody takes are closed', (t) => {
  const before = countFds();
  const pair = connectedPair();
  const fd = calls.eventfdCreate();
  pair.send(message(1, 16), [fd, fd]);
  pair.send(message(2, 16), [fd]);
  t.is(calls.streamReceive(pair.server), 16);
  t.is(calls.streamReceive(pair.server), 16);
  pair.send(message(3, 16), [fd, fd, fd]);
  t.is(calls.streamReceive(pair.server), 16);
  pair.close();
  calls.close(fd);
  t.is(countFds(), before);
});

test('a stream refuses wrong sizes and more than 16 descriptors', (t) => {
  for (const size of [0, 15]) {
    const pair = connectedPair();
    pair.send(message(1, 16, size));
    t.throws(() => calls.streamReceive(pair.server), { code: 'EBADMSG' });
    pair.close();
  }
  for (const size of [4096 - 15, 2 ** 31, 2 ** 32 - 1]) {
    const pair = connectedPair();
    pair.send(message(1, 16, size));
    t.throws(() => calls.streamReceive(pair.server), { code: 'EMSGSIZE' });
    pair.close();
  }
  const before = countFds();
  const pair = connectedPair();
  const fd = calls.eventfdCreate();
  pair.send(message(1, 16), new Array<number>(17).fill(fd));
  t.throws(() => calls.streamReceive(pair.server), { code: 'EMSGSIZE' });
  pair.close();
  calls.close(fd);
  t.is(countFds(), before);
});

test('a message can be 16 bytes smaller than the buffer', (t) => {
  const pair = connectedPair();
  const bytes = message(1, 4096 - 16);
  pair.send(bytes);
  pair.send(bytes);
  for (let n = 0; n < 2; n++) {
    t.is(calls.streamReceive(pair.server), bytes.length);
    t.deepEqual(pair.received(bytes.length), bytes);
  }
  pair.close();
});

test('the end of the stream comes after all messages', (t) => {
  const pair = connectedPair();
  pair.send(message(1, 16));
  pair.send(message(2, 32).subarray(0, 31));
  pair.disconnect();
  t.is(calls.streamReceive(pair.server), 16);
  t.is(calls.streamReceive(pair.server), -1);
  t.is(calls.streamReceive(pair.server), -1);
  pair.close();
});

test('a stream queues bytes that the peer does not read, and sends them later', (t) => {
  const pair = connectedPair();
  const fd = calls.eventfdCreate();
  let sent = 0;
  while (calls.streamSend(pair.server, message(++sent, 3000), 3000)) t.true(sent < 10_000);
  t.throws(() => calls.streamSend(pair.server, message(1, 16), 16, [fd]), {
    instanceOf: TypeError,
  });
  t.false(calls.streamSend(pair.server, message(++sent, 3000), 3000));
  t.false(calls.streamFlush(pair.server));
  let next = 1;
  for (let turn = 0; next <= sent && turn < 10_000; turn++) {
    const size = calls.streamReceive(pair.client);
    for (let at = 0; at < size; at += 3000) {
      const part = pair.clientBytes.subarray(at, at + 3000);
      t.true(message(next++, 3000).equals(part));
    }
    if (size === 0) calls.streamFlush(pair.server);
  }
  t.is(next, sent + 1);
  t.true(calls.streamFlush(pair.server));
  calls.close(fd);
  pair.close();
});

test('a send to a closed peer fails with EPIPE', (t) => {
  const pair = connectedPair();
  pair.disconnect();
  t.throws(() => calls.streamSend(pair.server, message(1, 16), 16), { code: 'EPIPE' });
  pair.close();
});

test('streamWait waits for bytes, for room, and for the end of the stream', (t) => {
  const pair = connectedPair();
  t.is(calls.streamWait(pair.server, READABLE, 0), 0);
  t.is(calls.streamWait(pair.server, READABLE | WRITABLE, 5000), WRITABLE);
  pair.send(message(1, 16));
  t.is(calls.streamWait(pair.server, READABLE, 5000), READABLE);
  t.is(calls.streamReceive(pair.server), 16);
  // A signal of a child process can end a wait early, so the longest of several waits counts.
  const waits = Array.from({ length: 5 }, () => {
    const start = performance.now();
    t.is(calls.streamWait(pair.server, READABLE, 30), 0);
    return performance.now() - start;
  });
  t.true(Math.max(...waits) >= 29);
  while (calls.streamSend(pair.server, message(1, 3000), 3000));
  t.is(calls.streamWait(pair.server, WRITABLE, 0), 0);
  pair.disconnect();
  t.is(calls.streamWait(pair.server, READABLE, 5000), READABLE);
  t.is(calls.streamWait(pair.server, WRITABLE, 5000), WRITABLE);
  pair.close();
  t.throws(() => calls.streamWait(pair.server, READABLE, 0), { message: /closed/ });
});

test('streamWait ends when the peer ends while the thread waits', async (t) => {
  const path = join(temporaryFolder(), 's');
  const listener = calls.socketListen(path);
  const ended = runChild(`
    const native = await load();
    const stream = native.streamOpen(native.socketConnect('${path}'), new ArrayBuffer(64));
    output(native.streamWait(stream, 1, 60000));
    output(native.streamReceive(stream));
  `);
  const peer = await new Promise<number>((resolve) => {
    const watch = calls.watchOpen(listener, () => {
      calls.watchClose(watch);
      resolve(calls.socketAccept(listener) ?? -1);
    });
    calls.watchStart(watch, READABLE);
  });
  calls.close(peer);
  calls.close(listener);
  t.like(await ended, { output: '1\n-1\n', code: 0 });
});

test('a connect to a listener without room ends at the time limit', (t) => {
  const path = join(temporaryFolder(), 's');
  const listener = calls.socketListen(path);
  const waiting: number[] = [];
  const error = t.throws(
    () => {
      for (let n = 0; n < 1000; n++) waiting.push(calls.socketConnect(path, 20));
    },
    { code: 'EAGAIN' },
  );
  t.is((error as NodeJS.ErrnoException).path, path);
  t.true(waiting.length > 0);
  for (const fd of [listener, ...waiting]) calls.close(fd);
});

test('the calls of a closed stream throw', (t) => {
  const pair = connectedPair();
  pair.close();
  pair.close();
  t.throws(() => calls.streamReceive(pair.server), { message: /closed/ });
  t.throws(() => calls.streamSend(pair.server, message(1, 16), 16), { message: /closed/ });
});

test('a watch calls its function for each event until the watch is stopped', async (t) => {
  const pair = connectedPair();
  pair.send(message(1, 16));
  let turns = 0;
  const events = await new Promise<string>((resolve) => {
    const watch = calls.watchOpen(pair.serverFd, () => {
      turns++;
      if (turns === 3) {
        t.is(calls.streamReceive(pair.server), 16);
        calls.watchStart(watch, WRITABLE);
      }
      if (turns < 4) return;
      calls.watchStop(watch);
      calls.watchClose(watch);
      calls.watchClose(watch);
      resolve('closed');
    });
    calls.watchStart(watch, READABLE);
  });
  t.is(events, 'closed');
  t.is(turns, 4);
  pair.close();
});

test('after watchUnref, a started watch lets the process end', async (t) => {
  const path = join(temporaryFolder(), 's');
  const { code } = await runChild(`
    const native = await load();
    const watch = native.watchOpen(native.socketListen('${path}'), () => undefined);
    native.watchStart(watch, 1);
    native.watchUnref(watch);
  `);
  t.is(code, 0);
});

test('a started watch keeps the process alive; an exception in it is uncaught', async (t) => {
  const path = join(temporaryFolder(), 's');
  const { output, code } = await runChild(`
    const native = await load();
    const listener = native.socketListen('${path}');
    const watch = native.watchOpen(listener, () => {
      native.close(native.socketAccept(listener));
      output('accepted');
      native.watchClose(watch);
      throw new Error('thrown');
    });
    native.watchStart(watch, 1);
    process.on('uncaughtException', ({ message }) => output(message));
    setTimeout(() => native.socketConnect('${path}'), 20).unref();
  `);
  t.is(output, 'accepted\nthrown\n');
  t.is(code, 0);
});

function receivedIds(pair: ReturnType<typeof connectedPair>): number[] {
  const size = calls.streamReceive(pair.server);
  const ids: number[] = [];
  for (let at = 0; at < size;) {
    const view = new DataView(pair.buffer, at);
    ids.push(view.getUint16(0, true));
    at += view.getUint32(4, true);
  }
  return ids;
}
