import test from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { HostInterrupts } from '../../../../lib/backend/mock/machine/interrupts.js';
import { type Message } from '../../../../lib/contract/message.js';
import { Msix } from '../../../../lib/backend/mock/hardware/msix.js';
import { RegisterTable } from '../../../../lib/backend/mock/hardware/registers.js';
import { type BarShape, type Register } from '../../../../lib/backend/mock/hardware/model.js';
import { DmaFault } from '../../../../lib/backend/mock/machine/dma-fault.js';
import { CONFIG, connect, enableBusMaster, plainModel } from '../support.js';

const BAR: BarShape = { index: 0, size: 0x100, bits: 32 };

function table(shape: Partial<BarShape> = {}) {
  const log: string[] = [];
  const registers: Register[] = [
    {
      offset: 0x00,
      width: 8,
      name: 'wide',
      read: () => (log.push('read wide'), 0x8877665544332211n),
      write: (value) => log.push(`wide=${value.toString(16)}`),
    },
    {
      offset: 0x08,
      width: 4,
      name: 'dword',
      read: () => (log.push('read dword'), 0xddccbbaa),
      write: (value) => log.push(`dword=${value.toString(16)}`),
    },
    {
      offset: 0x0c,
      width: 2,
      name: 'word',
      read: () => 0xeeff,
      write: (value) => log.push(`word=${value.toString(16)}`),
    },
    { offset: 0x0e, width: 1, name: 'byte', read: () => 0x99 },
    { offset: 0x10, width: 4, name: 'write only', write: () => undefined },
    { offset: 0x18, width: 4, widths: [4], name: 'strict', read: () => 0x12345678 },
  ];
  return { log, registers: new RegisterTable({ ...BAR, ...shape }, registers, []) };
}

test('a read calls the function `read` once for each register in the range', (t) => {
  const { log, registers } = table();
  t.is(registers.read64(0), 0x8877665544332211n);
  t.is(registers.read(0, 4), 0x44332211);
  t.is(registers.read(4, 4), 0x88776655);
  t.is(registers.read(6, 2), 0x8877);
  t.is(registers.read(7, 1), 0x88);
  t.deepEqual(log.splice(0), new Array(5).fill('read wide'));
  t.is(registers.read(0x08, 4), 0xddccbbaa);
  t.is(registers.read(0x0a, 2), 0xddcc);
  t.deepEqual(log.splice(0), ['read dword', 'read dword']);
  t.is(registers.read(0x0c, 4), 0x0099eeff);
  t.is(registers.read64(0x08), 0x0099eeffddccbbaan);
  t.is(registers.read(0x10, 4), 0);
  t.is(registers.read(0x20, 4), 0);
});

test('a read outside of all registers returns the value `elsewhere` of the BAR', (t) => {
  const { registers } = table({ elsewhere: 0xff });
  t.is(registers.read(0x0c, 4), 0xff99eeff);
  t.is(registers.read(0x20, 1), 0xff);
  t.is(registers.read64(0x20), 0xffffffffffffffffn);
  t.is(registers.read(0x10, 4), 0);
});

test('a register with `widths` responds only to these access widths at its offset', (t) => {
  const { registers } = table({ elsewhere: 0xff });
  t.is(registers.read(0x18, 4), 0x12345678);
  t.is(registers.read(0x18, 2), 0xffff);
  t.is(registers.read(0x1a, 2), 0xffff);
  t.is(registers.read64(0x18), 0xffffffffffffffffn);
});

test('in a BAR with `widths`, a read of another width returns 0, and such a write is dropped', (t) => {
  const { log, registers } = table({ widths: [4], elsewhere: 0xff });
  t.is(registers.read(0x08, 2), 0);
  t.is(registers.read64(0), 0n);
  registers.write(0x08, 1, 1);
  registers.write64(0, 1n);
  t.deepEqual(log, []);
});

test('a written value is truncated or zero-extended to the width of the register', (t) => {
  const { log, registers } = table();
  registers.write64(0, 0x1_0000_0002n);
  registers.write(0, 4, 7);
  registers.write(4, 4, 7);
  registers.write(0x08, 4, 0xffffffff);
  registers.write(0x08, 1, 0x80);
  registers.write(0x0a, 2, 1);
  registers.write(0x0c, 4, 0x11223344);
  registers.write64(0x08, 0x55667788_99aabbccn);
  t.deepEqual(log, [
    'wide=100000002',
    'wide=7',
    'dword=ffffffff',
    'dword=80',
    'word=3344',
    'dword=99aabbcc',
  ]);
});

test('MSI-X: an interrupt of a masked vector sets the pending bit; unmasking sends the message', (t) => {
  const sent: Message[] = [];
  const msix = new Msix(70, { bar: 0, offset: 0 }, { bar: 0, offset: 0x800 }, (message) => {
    sent.push(message);
  });
  const pending = (dword: number) => msix.pendingBits.read(0x800 + 4 * dword, 4);
  msix.program(66, { address: 0xfee00018n, data: 5 });
  msix.notify(66);
  t.is(pending(2), 0);
  msix.control(true, true);
  msix.notify(66);
  msix.notify(70);
  t.is(pending(2), 4);
  msix.control(true, false);
  t.deepEqual(sent, []);
  msix.table.write(66 * 16 + 12, 4, 0);
  t.deepEqual(sent, [{ address: 0xfee00018n, data: 5 }]);
  t.is(pending(2), 0);
  msix.notify(66);
  t.is(sent.length, 2);
  // The table ignores accesses of 1 and 2 bytes.
  msix.table.write(66 * 16 + 12, 1, 1);
  t.is(msix.table.read(66 * 16, 2), 0);
  msix.notify(66);
  t.is(sent.length, 3);
  t.true(msix.pendingBits.covers(0x80f));
  t.false(msix.pendingBits.covers(0x810));
});

test('a message calls the function that is registered for the message’s handle', (t) => {
  const host = new HostInterrupts();
  const sender = {};
  const handles = host.allocate(40000, sender);
  t.is(handles.length, 40000);
  const hits: number[] = [];
  for (const handle of [0, 1, 0x7fff, 0x8000, 39999]) {
    host.connect(handle, () => hits.push(handle), 'test');
    host.deliver(host.message(handle), sender);
  }
  t.deepEqual(hits, [0, 1, 0x7fff, 0x8000, 39999]);
  // The device adds the message data to the handle. A message address without the remappable format
  // is blocked.
  host.deliver({ ...host.message(0), data: 1 }, sender);
  host.deliver({ address: 0xfee00000n, data: 0 }, sender);
  t.deepEqual(hits.splice(5), [1]);
  host.free(1);
  host.deliver(host.message(1), sender);
  t.is(hits.length, 5);
});

test('interrupt remapping blocks the message of another device', (t) => {
  const host = new HostInterrupts();
  const [owner, other] = [{}, {}];
  const [handle = 0] = host.allocate(1, owner);
  let hits = 0;
  host.connect(handle, () => hits++, 'test');
  host.deliver(host.message(handle), other);
  t.is(hits, 0);
  host.deliver(host.message(handle), owner);
  t.is(hits, 1);
});

test('allocate() returns consecutive handles and reuses free handles', (t) => {
  const host = new HostInterrupts(8);
  const sender = {};
  t.deepEqual(host.allocate(3, sender), [0, 1, 2]);
  t.deepEqual(host.allocate(1, sender), [3]);
  host.free(1);
  t.deepEqual(host.allocate(2, sender), [4, 5]);
  t.deepEqual(host.allocate(1, sender), [1]);
  t.deepEqual(host.allocate(4, sender), [6, 7]);
  t.deepEqual(host.allocate(1, sender), []);
});

test('a DMA transfer faults if bus mastering is disabled', (t) => {
  let fault: unknown;
  const model = plainModel([], (host) => [
    {
      offset: 0,
      width: 4,
      name: 'dma',
      write: () => {
        try {
          host.dmaRead(BigInt(PAGE_SIZE), new Uint8Array(1));
          fault = null;
        } catch (error) {
          fault = error;
        }
      },
    },
  ]);
  const device = connect(t, model);
  const memory = device.addressSpace.allocate(PAGE_SIZE, false);
  device.addressSpace.mapSync(memory, 0, BigInt(PAGE_SIZE), BigInt(PAGE_SIZE), 1);
  device.store(0, 0, 4, 1);
  t.true(fault instanceof DmaFault);
  t.regex((fault as DmaFault).message, /no bus master/);
  enableBusMaster(device);
  device.store(0, 0, 4, 1);
  t.is(fault, null);
  device.store(CONFIG, 4, 2, 2);
});
