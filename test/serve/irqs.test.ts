import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { native } from '../../lib/native/binding.js';
import { countFds } from '../native/helpers.js';
import { PIN, SIGNAL } from './card.js';
import { COMMANDS, type RawClient, words } from './raw-client.js';
import {
  connect,
  createEventfd,
  createEventfds,
  range,
  readEventfd,
  startServer,
} from './support.js';

const { EINVAL, ENOTTY } = constants.errno;
const calls = native();

const [INTX, MSI, MSIX, ERR, REQ] = [0, 1, 2, 3, 4] as const;
const [NONE, BOOL, EVENTFD, UNMASK, TRIGGER] = [1, 2, 4, 0x10, 0x20] as const;
const MASK = 8;
const BIND = EVENTFD | TRIGGER;

async function open(t: ExecutionContext, name: string): Promise<RawClient> {
  const client = await connect(t, await startServer(t, name));
  await client.write(7, 4, Uint8Array.of(6, 0));
  return client;
}

/** Makes the device signal each vector. @returns the vectors whose eventfds were signalled */
async function signalled(client: RawClient, fds: readonly number[]): Promise<number[]> {
  for (const vector of fds.keys()) client.post(0, SIGNAL, words(vector));
  await client.read(0, SIGNAL, 4);
  return [...fds.keys()].filter((vector) => readEventfd(fds[vector] ?? -1) > 0n);
}

test('32 MSI vectors come in two pieces, and all vectors work', async (t) => {
  const client = await open(t, 'mock:serve-card#msi');
  const fds = createEventfds(t, 32);
  t.is((await client.setIrqs(MSI, BIND, 0, 16, fds.slice(0, 16))).errno, 0);
  t.deepEqual(await signalled(client, fds.slice(0, 16)), range(16));
  t.is((await client.setIrqs(MSI, BIND, 16, 16, fds.slice(16))).errno, 0);
  t.deepEqual(await signalled(client, fds), range(32));
  t.is((await client.setIrqs(MSI, NONE | TRIGGER, 0, 0)).errno, 0);
  t.deepEqual(await signalled(client, fds), []);
  t.is((await client.setIrqs(MSI, NONE | TRIGGER, 0, 0)).errno, 0);
});

for (const kernel of ['6.1', '7.2']) {
  test(`20 MSI-X vectors come in two pieces on a kernel ${kernel}`, async (t) => {
    const client = await open(t, `mock:serve-card#msix?kernel=${kernel}`);
    const info = await client.request(COMMANDS.getIrqInfo, words(16, 0, MSIX, 0));
    t.deepEqual([info.payload.readUInt32LE(4), info.payload.readUInt32LE(12)], [1, 20]);
    const fds = createEventfds(t, 20);
    t.is((await client.setIrqs(MSIX, BIND, 0, 1)).errno, 0);
    t.is((await client.setIrqs(MSIX, BIND, 0, 16, fds.slice(0, 16))).errno, 0);
    t.is((await client.setIrqs(MSIX, BIND, 16, 4, fds.slice(16))).errno, 0);
    t.deepEqual(await signalled(client, fds), range(20));
    // Vector 3 gets another eventfd; vectors 5 and 6 are unbound.
    const other = createEventfd(t);
    t.is((await client.setIrqs(MSIX, BIND, 3, 1, [other])).errno, 0);
    t.is((await client.setIrqs(MSIX, BIND, 5, 2)).errno, 0);
    t.deepEqual(
      await signalled(client, fds),
      range(20).filter((vector) => ![3, 5, 6].includes(vector)),
    );
    t.is(readEventfd(other), 1n);
    // Loopback by the client.
    t.is((await client.setIrqs(MSIX, NONE | TRIGGER, 7, 2)).errno, 0);
    t.is((await client.setIrqs(MSIX, BOOL | TRIGGER, 7, 2, undefined, Buffer.of(0, 1))).errno, 0);
    t.deepEqual(
      [7, 8].map((vector) => readEventfd(fds[vector] ?? -1)),
      [1n, 2n],
    );
  });
}

test('vectors are enabled one by one, and a gap stays unbound', async (t) => {
  const client = await open(t, 'mock:serve-card#gap?kernel=6.1');
  const fds = createEventfds(t, 20);
  t.is((await client.setIrqs(MSIX, BIND, 0, 1)).errno, 0);
  for (const vector of [4, 2, 19]) {
    t.is((await client.setIrqs(MSIX, BIND, vector, 1, [fds[vector] ?? -1])).errno, 0);
  }
  t.deepEqual(await signalled(client, fds), [2, 4, 19]);
});

test.serial(
  'wrong ranges, counts of descriptors and descriptors are EINVAL, and no descriptor leaks',
  async (t) => {
    const client = await open(t, 'mock:serve-card#wrong');
    const fds = createEventfds(t, 3);
    const file = openSync('/dev/null', 'w');
    const before = countFds();
    const errno = async (...args: Parameters<RawClient['setIrqs']>) =>
      (await client.setIrqs(...args)).errno;
    t.is(await errno(MSIX, BIND, 0, 2, fds), EINVAL);
    t.is(await errno(MSIX, BIND, 19, 2, fds.slice(0, 2)), EINVAL);
    t.is(await errno(MSIX, BIND, 0, 2 ** 32 - 1), EINVAL);
    t.is(await errno(MSIX, BIND, 2 ** 32 - 1, 1), EINVAL);
    t.is(await errno(MSIX, NONE | TRIGGER, 0, 1, fds.slice(0, 1)), EINVAL);
    t.is(await errno(MSIX, BOOL | TRIGGER, 0, 4, undefined, Buffer.of(1)), EINVAL);
    t.is(await errno(MSIX, EVENTFD | UNMASK, 0, 1, fds.slice(0, 1)), ENOTTY);
    t.is(await errno(MSIX, EVENTFD | MASK, 0, 1), ENOTTY);
    t.is(await errno(5, BIND, 0, 1, fds.slice(0, 1)), EINVAL);
    t.is(await errno(MSIX, 0xffff_ffff, 0, 1), EINVAL);
    t.is(await errno(MSIX, BIND, 0, 2, [fds[0] ?? -1, file]), EINVAL);
    t.is(countFds(), before);
    t.is(await errno(MSIX, BIND, 0, 3, fds), 0);
    t.deepEqual(await signalled(client, fds), [0, 1, 2]);
    t.is(countFds(), before + 3);
    t.is(await errno(MSIX, BIND, 0, 3, fds), 0);
    t.is(countFds(), before + 3);
    t.is(await errno(MSIX, NONE | TRIGGER, 0, 0), 0);
    t.is(countFds(), before);
    closeSync(file);
  },
);

test('INTx is unmasked by messages, or by an eventfd that another eventfd can replace', async (t) => {
  const client = await open(t, 'mock:serve-card#intx');
  const [trigger = -1, first = -1, second = -1] = createEventfds(t, 3);
  t.is((await client.setIrqs(INTX, EVENTFD | UNMASK, 0, 1, [first])).errno, EINVAL);
  t.is((await client.setIrqs(INTX, BIND, 0, 1, [trigger])).errno, 0);
  await client.write(0, PIN, words(1));
  t.is(readEventfd(trigger), 1n);
  t.is((await client.setIrqs(INTX, NONE | UNMASK, 0, 1)).errno, 0);
  t.is(readEventfd(trigger), 1n);
  for (const resample of [first, second]) {
    t.is((await client.setIrqs(INTX, EVENTFD | UNMASK, 0, 1, [resample])).errno, 0);
    calls.eventfdSignal(resample);
    while (readEventfd(trigger) === 0n) await client.read(0, PIN, 4);
    t.is(readEventfd(resample), 0n);
  }
  calls.eventfdSignal(first);
  t.is((await client.setIrqs(INTX, EVENTFD | UNMASK, 0, 1)).errno, 0);
  calls.eventfdSignal(second);
  await client.read(0, PIN, 4);
  await client.read(0, PIN, 4);
  t.is(readEventfd(trigger), 0n);
  t.is((await client.setIrqs(INTX, NONE | TRIGGER, 0, 0)).errno, 0);
});

test('ERR and REQ have one eventfd each, which can be unbound', async (t) => {
  const client = await open(t, 'mock:serve-card#notifications');
  for (const index of [ERR, REQ]) {
    const fd = createEventfd(t);
    t.is((await client.setIrqs(index, BIND, 0, 1, [fd])).errno, 0);
    t.is((await client.setIrqs(index, NONE | TRIGGER, 0, 1)).errno, 0);
    t.is(readEventfd(fd), 1n);
    t.is((await client.setIrqs(index, BIND, 0, 1)).errno, 0);
    t.is((await client.setIrqs(index, NONE | TRIGGER, 0, 1)).errno, EINVAL);
  }
});

test.serial('if the host has too few vectors, the old vectors stay', async (t) => {
  const { mockControl } = await import('../../lib/mock.js');
  const name = 'mock:serve-card#few';
  const client = await open(t, name);
  const fds = createEventfds(t, 32);
  t.is((await client.setIrqs(MSI, BIND, 0, 8, fds.slice(0, 8))).errno, 0);
  mockControl(name).limit({ messages: 16 });
  const before = countFds();
  t.is((await client.setIrqs(MSI, BIND, 8, 16, fds.slice(8, 24))).errno, constants.errno.ENOSPC);
  t.is(countFds(), before);
  t.deepEqual(await signalled(client, fds), range(8));
});

test('a signal to an eventfd with a full counter is dropped', async (t) => {
  const client = await open(t, 'mock:serve-card#full');
  const fd = createEventfd(t);
  t.is((await client.setIrqs(MSIX, BIND, 0, 1, [fd])).errno, 0);
  calls.eventfdSignal(fd, 2n ** 64n - 2n);
  client.post(0, SIGNAL, words(0));
  t.is((await client.read(0, SIGNAL, 4)).length, 4);
  t.is(readEventfd(fd), 2n ** 64n - 2n);
});
