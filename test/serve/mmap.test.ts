// The option `mmap`. A file stands for the device file of a real device, which test/lab serves.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { DeviceConnection, RegionInfo } from '../../lib/contract/index.js';
import {
  type InterruptFrontEnd,
  openConnection,
  serveDevice,
  type ServeOptions,
  VirtualIrqs,
} from '../../lib/index.js';
import { native } from '../../lib/native/binding.js';
import { observeConnection } from '../../lib/observe/index.js';
import { countFds, temporaryFolder } from '../native/helpers.js';
import './card.js';
import { COMMANDS, type RawClient, words } from './raw-client.js';
import { connect, GuestRam, startServer } from './support.js';

const calls = native();
const START = 0x10_0000_0000n;
const SPARSE = [
  { offset: 0n, size: 0x1000n },
  { offset: 0x3000n, size: 0x1000n },
];

/** Returns a mock device with a file of registers, as a real device has. */
async function openWithFile(t: ExecutionContext, name: string, region: Partial<RegionInfo>) {
  const connection = await openConnection(name);
  t.teardown(() => {
    connection.close();
  });
  const ram = new GuestRam(t, 0x4000);
  writeSync(ram.fd, Buffer.from('registers'), 0, 9, 0);
  const fd = calls.duplicate(ram.fd);
  t.teardown(() => {
    calls.close(fd);
  });
  const overrides: Partial<DeviceConnection> = {
    regionFile: (index) => ({ fd, offset: START * BigInt(index) }),
    getRegionInfo: (index) => {
      const info = connection.getRegionInfo(index);
      return index === 0 ? { ...info, ...region } : { ...info, flags: info.flags & 3 };
    },
  };
  return new Proxy(connection, {
    get(target, key) {
      if (key in overrides) return overrides[key as keyof DeviceConnection];
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const regionInfo = (client: RawClient, index: number, argsz: number) =>
  client.request(COMMANDS.getRegionInfo, words(argsz, 0, index, 0, 0n, 0n));

test.serial('the client gets the file, and the areas that can be mapped', async (t) => {
  const device = await openWithFile(t, 'mock:serve-card#mmap', {
    flags: 0xf,
    capabilities: [
      { id: 1, version: 1, areas: SPARSE },
      { id: 2, version: 1, type: 0x8000_1234, subtype: 2 },
      { id: 3, version: 1 },
      { id: 99, version: 7 },
    ],
  });
  const client = await connect(t, await startServer(t, device, { mmap: true }));
  const before = countFds();
  const short = await regionInfo(client, 0, 32);
  const argsz = 32 + 16 + 32 + 16 + 8;
  t.deepEqual(short.payload, words(argsz, 7, 0, 0, 4096n, 0n));
  t.deepEqual(short.fds, [], 'no file without the areas');
  const whole = await regionInfo(client, 0, argsz);
  t.deepEqual(
    whole.payload,
    Buffer.concat([
      words(argsz, 0xf, 0, 32, 4096n, 0n),
      words(0x1_0001, 80, 2, 0, 0n, 0x1000n, 0x3000n, 0x1000n),
      words(0x1_0002, 96, 0x8000_1234, 2),
      words(0x1_0003, 0),
    ]),
  );
  const [fd = -1] = whole.fds;
  t.is(whole.fds.length, 1);
  const into = Buffer.alloc(9);
  calls.pread(fd, 0, into);
  t.is(into.toString(), 'registers');
  calls.close(fd);
  // Configuration space, missing BARs and the ROM cannot be mapped.
  for (let index = 1; index < 9; index++) {
    const { payload, fds } = await regionInfo(client, index, 256);
    t.is(payload.length, 32);
    t.is(payload.readUInt32LE(4) & ~3, 0);
    t.is(payload.readBigUInt64LE(24), 0n);
    t.deepEqual(fds, []);
  }
  t.is(countFds(), before);
});

test.serial('a region without a chain has its file in the first reply', async (t) => {
  const device = await openWithFile(t, 'mock:serve-card#whole', { flags: 7, capabilities: [] });
  const client = await connect(t, await startServer(t, device, { mmap: true }));
  const { payload, fds } = await regionInfo(client, 0, 32);
  t.deepEqual(payload, words(32, 7, 0, 0, 4096n, 0n));
  t.is(fds.length, 1);
  for (const fd of fds) calls.close(fd);
});

test.serial('without `mmap`, no region can be mapped', async (t) => {
  const device = await openWithFile(t, 'mock:serve-card#none', { flags: 7, capabilities: [] });
  const client = await connect(t, await startServer(t, device));
  const { payload, fds } = await regionInfo(client, 0, 256);
  t.deepEqual(payload, words(32, 3, 0, 0, 4096n, 0n));
  t.deepEqual(fds, []);
});

test.serial(
  '`mmap` is refused with traps, interrupts, an observer, and a mock device',
  async (t) => {
    const socket = join(temporaryFolder(), 's');
    const device = await openWithFile(t, 'mock:serve-card#refused', { flags: 7, capabilities: [] });
    const trap = { region: 0, offset: 0, size: 4 };
    const interrupts: InterruptFrontEnd = new VirtualIrqs({});
    const refused = async (wrong: Omit<ServeOptions, 'socket'>) => {
      const options = { socket, mmap: true, ...wrong };
      await t.throwsAsync(serveDevice(device, options), {
        instanceOf: TypeError,
        message: /^mmap/,
      });
    };
    await refused({ traps: [trap] });
    await refused({ interrupts });
    await refused({ mmap: 1 as never });
    const observed = observeConnection(device, () => () => undefined);
    for (const unable of [observed, 'mock:serve-card#mock']) {
      await t.throwsAsync(serveDevice(unable, { socket, mmap: true }), {
        code: 'ENOTSUP',
        message: /the option mmap needs a real device whose calls are neither recorded nor traced/,
      });
    }
    const server = await serveDevice(device, { socket, mmap: true, traps: [] });
    await server.close();
  },
);
