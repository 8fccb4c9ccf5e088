import test, { type ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { defineModel } from '../../../../lib/backend/mock/models/define.js';
import {
  type DeviceHost,
  type TransferOptions,
} from '../../../../lib/backend/mock/hardware/model.js';
import { DmaFault, type DmaFaultReason } from '../../../../lib/backend/mock/machine/dma-fault.js';
import { bind, CONFIG, connect, enableBusMaster, plainModel } from '../support.js';

const PAGE = BigInt(PAGE_SIZE);
const READ = 1;
const WRITE = 2;

/**
 * Opens a device. Returns the `DeviceHost` of the device, so that the test can act as the device.
 */
function master(t: ExecutionContext, via: 'group' | 'cdev' = 'cdev') {
  let host: DeviceHost | undefined;
  const model = plainModel([{ name: 'msi', offset: 0x40, vectors: 1 }]);
  const create = (given: DeviceHost) => {
    host = given;
    return model.create(given);
  };
  const device = connect(t, defineModel({ ...model, create }), undefined, { via });
  enableBusMaster(device);
  const memory = device.addressSpace.allocate(PAGE_SIZE, false);
  const bytes = new Uint8Array(memory.buffer);
  return { device, host: host as unknown as DeviceHost, memory, bytes };
}

function faults(
  t: ExecutionContext,
  reason: DmaFaultReason,
  address: bigint,
  run: () => void,
): void {
  const fault = t.throws(run, { instanceOf: DmaFault });
  t.is(fault.reason, reason);
  t.is(fault.address, address);
}

test('DMA accesses mapped memory, and the bytes before a fault are transferred', (t) => {
  const { device, host, memory, bytes } = master(t);
  device.addressSpace.mapSync(memory, 0, PAGE, PAGE, READ | WRITE);
  host.dmaWrite(2n * PAGE - 16n, new Uint8Array(16).fill(7));
  t.deepEqual([...bytes.subarray(PAGE_SIZE - 17, PAGE_SIZE - 14)], [0, 7, 7]);
  faults(t, 'not mapped', 2n * PAGE, () => {
    host.dmaWrite(2n * PAGE - 2n, new Uint8Array(4).fill(9));
  });
  t.deepEqual([...bytes.subarray(PAGE_SIZE - 3)], [7, 9, 9]);
});

test('a DMA transfer faults if bus mastering is off or the mapping forbids the transfer', (t) => {
  const { device, host, memory } = master(t);
  device.addressSpace.mapSync(memory, 0, PAGE, 0n, READ);
  host.dmaRead(0n, new Uint8Array(8));
  faults(t, 'not permitted', 8n, () => {
    host.dmaWrite(8n, new Uint8Array(8));
  });
  device.store(CONFIG, 4, 2, 2);
  faults(t, 'no bus master', 0n, () => {
    host.dmaRead(0n, new Uint8Array(8));
  });
});

test('a DMA transfer with a PASID faults if the PASID is not attached', (t) => {
  const { device, host, memory, bytes } = master(t);
  device.addressSpace.mapSync(memory, 0, PAGE, 0n, READ | WRITE);
  const write = (options: TransferOptions) => () => {
    host.dmaWrite(0n, Uint8Array.of(1), options);
  };
  faults(t, 'no such PASID', 0n, write({ pasid: 5 }));
  device.attachPasid(5);
  faults(t, 'no such PASID', 0n, write({ pasid: 6 }));
  t.is(bytes[0], 0);
  write({ pasid: 5 })();
  t.is(bytes[0], 1);
  device.detachPasid(5);
  faults(t, 'no such PASID', 0n, write({ pasid: 5 }));
  write({})();
});

test('a DMA transfer with a PASID reaches the address space of the PASID', (t) => {
  const { device, host, memory, bytes } = master(t);
  device.addressSpace.mapSync(memory, 0, PAGE, 0n, READ | WRITE);
  const spaces = [5, 6].map((pasid) => {
    const space = device.createAddressSpace();
    const own = space.allocate(PAGE_SIZE, false);
    space.mapSync(own, 0, PAGE, 0n, READ | WRITE);
    device.attachPasid(pasid, { addressSpace: space });
    return { pasid, space, bytes: new Uint8Array(own.buffer) };
  });
  for (const { pasid } of spaces) host.dmaWrite(0n, Uint8Array.of(pasid), { pasid });
  t.deepEqual([bytes[0], ...spaces.map((space) => space.bytes[0])], [0, 5, 6]);
  const [one, two] = spaces;
  if (one === undefined || two === undefined) return;
  t.throws(
    () => {
      one.space.close();
    },
    { code: 'EBUSY' },
    'a PASID is attached',
  );
  device.attachPasid(5, { addressSpace: two.space });
  one.space.close();
  t.throws(() => one.space.ranges(), { code: 'EBADF' });
  host.dmaWrite(1n, Uint8Array.of(7), { pasid: 5 });
  t.is(two.bytes[1], 7, 'the second attach replaced the address space');
  device.close();
  two.space.close();
});

test('the first PASID limits an address space to the addresses of the IOMMU', (t) => {
  const { device, memory } = master(t);
  using space = device.createAddressSpace();
  const high = 2n ** 48n;
  t.deepEqual(space.ranges(), [{ start: 0n, end: 2n ** 64n - 1n }]);
  space.mapSync(memory, 0, PAGE, high, READ);
  const attach = () => {
    device.attachPasid(5, { addressSpace: space });
  };
  t.throws(attach, { code: 'EADDRINUSE' });
  space.unmap(high, PAGE, 0);
  attach();
  t.deepEqual(space.ranges(), [{ start: 0n, end: high - 1n }]);
  space.mapSync(memory, 0, PAGE, 0xfee0_0000n, READ);
  device.detachPasid(5);
  t.deepEqual(space.ranges(), [{ start: 0n, end: 2n ** 64n - 1n }]);
  t.throws(
    () => {
      device.attachPasid(0, { addressSpace: space });
    },
    { code: 'EBUSY' },
  );
});

test('a 4-byte DMA write without a PASID to an interrupt address counts as an interrupt message', (t) => {
  const { device, host } = master(t);
  const eventfd = device.createEventfd();
  bind(device, 1, 0, [eventfd]);
  device.attachPasid(1);
  // The message of the first handle in the host's interrupt remapping table.
  const sent = { address: 0xfee0_0018n, data: new Uint8Array(4) };
  host.dmaWrite(sent.address, sent.data);
  t.is(eventfd.read(), 1n);
  faults(t, 'not mapped', sent.address, () => {
    host.dmaWrite(sent.address, sent.data, { pasid: 1 });
  });
  faults(t, 'not mapped', sent.address, () => {
    host.dmaRead(sent.address, sent.data);
  });
});
