import test from 'ava';
import { PAGE_SIZE } from '../../lib/checks.js';
import { openConnection, type ServableDevice } from '../../lib/index.js';
import { connect, GuestRam, startServer } from './support.js';

const PAGE = BigInt(PAGE_SIZE);
const READ_WRITE = 3;

test('an object of the program is served, and the client maps memory in its address space', async (t) => {
  const connection = await openConnection('mock:dsa#served', { via: 'cdev' });
  const addressSpace = connection.createAddressSpace();
  t.teardown(() => {
    addressSpace.close();
    connection.close();
  });
  const resets: string[] = [];
  const device: ServableDevice = {
    name: 'an object',
    addressSpace,
    getInfo: () => connection.getInfo(),
    getRegionInfo: (index) => connection.getRegionInfo(index),
    getIrqInfo: (index) => connection.getIrqInfo(index),
    setIrqs: (set) => connection.setIrqs(set),
    read: (_region, offset, into) => into.fill(offset).length,
    write: (_region, _offset, from) => from.length,
    load: () => 0,
    store: () => undefined,
    reset: () => Promise.resolve(),
  };
  const server = await startServer(t, device, { reset: (cause) => void resets.push(cause) });
  t.is(server.device, 'an object');
  const client = await connect(t, server);
  t.deepEqual(await client.read(0, 7, 2), Buffer.of(7, 7));
  const ram = new GuestRam(t, Number(PAGE));
  t.is((await client.mapDma(ram.fd, 0n, 0n, PAGE)).errno, 0);
  const memory = connection.addressSpace.allocate(Number(PAGE), false);
  t.throws(
    () => {
      addressSpace.mapSync(memory, 0, PAGE, 0n, READ_WRITE);
    },
    { code: 'EEXIST' },
  );
  connection.addressSpace.mapSync(memory, 0, PAGE, 0n, READ_WRITE);
  const gone = new Promise((resolve) => server.once('gone', resolve));
  client.close();
  await gone;
  t.deepEqual(resets, ['gone']);
  addressSpace.mapSync(memory, 0, PAGE, 0n, READ_WRITE);
});
