import { constants } from 'node:os';
import test from 'ava';
import { serveDevice } from '../../lib/index.js';
import type { ResetCause, Trap } from '../../lib/index.js';
import { BROKEN, MEMORY, SCRATCH } from './card.js';
import { COMMANDS, RawClient, words } from './raw-client.js';
import { connect, startServer } from './support.js';

const { EIO } = constants.errno;
const CONFIG = 7;

/** A trap that logs its accesses. A read returns the bytes 1, 2, 3, ... of the trap. */
function loggingTrap(place: Pick<Trap, 'region' | 'offset' | 'size'>) {
  const log: string[] = [];
  const trap: Trap = {
    ...place,
    read(offset, width) {
      log.push(`read ${offset} ${width}`);
      const value = Array.from(
        { length: width },
        (_, i) => BigInt(offset + i + 1) << BigInt(8 * i),
      );
      const sum = value.reduce((a, b) => a | b, 0n);
      return width === 8 ? sum : Number(sum);
    },
    write(offset, width, value) {
      log.push(`write ${offset} ${width} ${typeof value} 0x${value.toString(16)}`);
    },
  };
  return { trap, take: () => log.splice(0) };
}

test('accesses of each width reach a trap with offsets relative to the trap', async (t) => {
  const { trap, take } = loggingTrap({ region: 0, offset: MEMORY, size: 64 });
  const client = await connect(t, await startServer(t, 'mock:serve-card#trap', { traps: [trap] }));
  t.deepEqual([...(await client.read(0, MEMORY + 8, 8))], [9, 10, 11, 12, 13, 14, 15, 16]);
  t.deepEqual([...(await client.read(0, MEMORY + 4, 4))], [5, 6, 7, 8]);
  t.deepEqual([...(await client.read(0, MEMORY + 2, 2))], [3, 4]);
  t.deepEqual([...(await client.read(0, MEMORY + 63, 1))], [64]);
  t.deepEqual(take(), ['read 8 8', 'read 4 4', 'read 2 2', 'read 63 1']);
  client.post(0, MEMORY, words(0x1122_3344_5566_7788n));
  client.post(0, MEMORY + 4, words(0xffff_ffff));
  client.post(0, MEMORY + 2, Uint8Array.of(1, 2));
  client.post(0, MEMORY + 1, Uint8Array.of(9));
  await client.read(0, MEMORY + 7, 1);
  t.deepEqual(take(), [
    'write 0 8 bigint 0x1122334455667788',
    'write 4 4 number 0xffffffff',
    'write 2 2 number 0x201',
    'write 1 1 number 0x9',
    'read 7 1',
  ]);
});

test('longer, unaligned and straddling accesses are split at the edges of the traps', async (t) => {
  const first = loggingTrap({ region: 0, offset: MEMORY + 6, size: 6 });
  const second = loggingTrap({ region: 0, offset: MEMORY + 16, size: 8 });
  const traps = [second.trap, first.trap];
  const client = await connect(t, await startServer(t, 'mock:serve-card#split', { traps }));
  t.deepEqual(
    [...(await client.read(0, MEMORY, 32))],
    [
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      0,
      0,
      0,
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      ...new Array<number>(8).fill(0),
    ],
  );
  t.deepEqual(first.take(), ['read 0 2', 'read 2 4']);
  t.deepEqual(second.take(), ['read 0 8']);
  await client.write(
    0,
    MEMORY + 3,
    Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  );
  t.deepEqual(first.take(), ['write 0 2 number 0x504', 'write 2 4 number 0x9080706']);
  t.deepEqual(second.take(), ['write 0 2 number 0xf0e', 'write 2 1 number 0x10']);
  const after = await client.read(0, MEMORY, 16);
  t.deepEqual([...after.subarray(0, 6)], [0, 0, 0, 1, 2, 3]);
  t.deepEqual([...after.subarray(12, 16)], [10, 11, 12, 13]);
});

test('without `read` or `write`, the access reaches the device', async (t) => {
  const written: (number | bigint)[] = [];
  const traps: Trap[] = [
    { region: 0, offset: SCRATCH, size: 8, write: (_offset, _width, value) => written.push(value) },
    { region: 0, offset: MEMORY, size: 4, read: () => 42 },
  ];
  const client = await connect(t, await startServer(t, 'mock:serve-card#missing', { traps }));
  await client.write(0, SCRATCH, words(7n));
  t.deepEqual(written, [7n]);
  t.is((await client.read(0, SCRATCH, 8)).readBigUInt64LE(), 0n);
  await client.write(0, MEMORY, words(8));
  t.is((await client.read(0, MEMORY, 4)).readUInt32LE(), 42);
});

test('config space can be trapped, with accesses of at most 4 bytes', async (t) => {
  const { trap, take } = loggingTrap({ region: CONFIG, offset: 0, size: 8 });
  const client = await connect(
    t,
    await startServer(t, 'mock:serve-card#config', { traps: [trap] }),
  );
  const config = await client.read(CONFIG, 0, 64);
  t.deepEqual([...config.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
  t.is(config.readUIntLE(9, 3), 0xff0000);
  await client.write(CONFIG, 4, Uint8Array.of(6, 0));
  t.deepEqual(take(), ['read 0 4', 'read 4 4', 'write 4 2 number 0x6']);
});

test('an exception is an error reply, or an error event for a posted write', async (t) => {
  const trap: Trap = {
    region: 0,
    offset: 0,
    size: 8,
    read: (offset) => {
      if (offset === 4) throw Object.assign(new Error('refused'), { code: 'EPERM' });
      return 1n;
    },
    write: () => {
      throw new Error('no writes');
    },
  };
  const server = await startServer(t, 'mock:serve-card#exception', { traps: [trap] });
  const errors: string[] = [];
  server.on('error', ({ message }) => errors.push(message));
  const client = await connect(t, server);
  const read = async (offset: bigint) =>
    (await client.request(COMMANDS.regionRead, words(offset, 0, 4))).errno;
  t.is(await read(4n), EIO);
  t.is(await read(0n), EIO, 'a bigint is no value of 4 bytes');
  t.is((await client.write(0, 0, words(1))).errno, EIO);
  client.post(0, 0, words(1));
  t.is(await read(BigInt(BROKEN)), EIO);
  t.deepEqual(errors, [
    'refused',
    'read of a trap must return a number for 4 bytes',
    'no writes',
    'no writes',
    'the model is broken',
  ]);
});

test('overlapping traps are a RangeError, and wrong options are refused', async (t) => {
  const place = { region: 0, offset: 4, size: 4 };
  const refused = async (options: object, message: RegExp, instanceOf: typeof Error) => {
    const all = { socket: '/tmp/never', ...options };
    await t.throwsAsync(serveDevice('mock:serve-card', all), { instanceOf, message });
  };
  const others = [
    { ...place, offset: 7 },
    { ...place, offset: 1 },
    { ...place, offset: 5, size: 1 },
    { ...place, offset: 0, size: 16 },
  ];
  for (const other of others) {
    await refused({ traps: [place, other] }, /two traps of region 0 overlap: 0x/, RangeError);
  }
  await refused({ traps: [{ ...place, size: 0 }] }, /size of a trap/, RangeError);
  await refused({ traps: [{ ...place, width: 4 }] }, /a trap has no 'width'/, TypeError);
  await refused({ traps: [{ ...place, read: 1 }] }, /read of a trap must be a function/, TypeError);
  await refused({ traps: {} }, /traps must be an array/, TypeError);
  await refused({ socket: '' }, /path of a socket/, TypeError);
  await refused({ reset: 'never' }, /reset must be a function/, TypeError);
  await refused({ sockets: 1 }, /unknown option 'sockets'/, TypeError);
  await refused({ signal: {} }, /signal must be an AbortSignal/, TypeError);
});

test('`reset` replaces each reset of the device, and the device keeps its state', async (t) => {
  const causes: ResetCause[] = [];
  const server = await startServer(t, 'mock:serve-card#own-reset', {
    reset: async (cause) => {
      await new Promise((resolve) => setImmediate(resolve));
      causes.push(cause);
    },
  });
  const client = await connect(t, server);
  await client.write(CONFIG, 4, Uint8Array.of(6, 0));
  await client.write(0, SCRATCH, words(5n));
  t.is((await client.request(COMMANDS.reset)).errno, 0);
  const config = await client.read(CONFIG, 0, 256);
  let express = config.readUInt8(0x34);
  while (config.readUInt8(express) !== 0x10) express = config.readUInt8(express + 1);
  // The bit Initiate FLR of Device Control.
  t.is((await client.write(CONFIG, express + 9, Uint8Array.of(0x80))).errno, 0);
  t.deepEqual(causes, ['command', 'flr']);
  t.is((await client.read(0, SCRATCH, 8)).readBigUInt64LE(), 5n);
  const gone = new Promise((resolve) => server.once('gone', resolve));
  client.close();
  await gone;
  t.deepEqual(causes, ['command', 'flr', 'gone']);
  const next = await RawClient.negotiated(server.path);
  t.is((await next.read(0, SCRATCH, 8)).readBigUInt64LE(), 5n);
  next.close();
});
