import test from 'ava';
import { createEventfd, type Message, SoftwareSource, VfioError } from 'vfio/mock';
import { CONTROL, DATA, emulated, ENABLE, FUNCTION_MASK, Guest, tableOf } from './guest.js';

const ONES = 0xffff_ffff;

test('after a reset MSI-X is disabled, every vector is masked, and no vector is pending', (t) => {
  const { msix, guest, software } = emulated(65);
  const fresh = () => {
    t.false(msix.enabled);
    t.false(msix.functionMask);
    for (let vector = 0; vector < 65; vector++) {
      t.is(msix.tableRead(vector * 16 + CONTROL, 4), 1);
      t.is(msix.tableRead(vector * 16 + DATA, 4), 0);
    }
    t.is(msix.pbaRead(0, 8), 0n);
    t.is(msix.pbaRead(8, 8), 0n);
  };
  fresh();
  guest.control(ENABLE);
  msix.tableWrite(0, 4, 0xfee0_0000);
  guest.unmask(3);
  software.sendSignal(64);
  t.not(msix.pbaRead(8, 8), 0n);
  msix.reset();
  fresh();
  t.is(guest.taken(64), 0);
});

test('the table drops misaligned or narrow writes; misaligned or narrow reads return all ones', (t) => {
  const { msix } = emulated(2);
  for (const width of [1, 2] as const) {
    t.is(msix.tableRead(0, width), 2 ** (8 * width) - 1);
    t.is(msix.pbaRead(0, width), 2 ** (8 * width) - 1);
    msix.tableWrite(8, width, 0x55);
  }
  for (const offset of [2, 1, -4, 32, 0.5]) t.is(msix.tableRead(offset, 4), ONES);
  t.is(msix.tableRead(4, 8), 2n ** 64n - 1n);
  msix.tableWrite(10, 4, 0x55);
  msix.tableWrite(4, 8, 0x55n);
  t.is(msix.tableRead(8, 4), 0);
  t.is(msix.tableRead(4, 4), 0);
  t.is(msix.pbaRead(8, 4), ONES, 'the pending bits of 2 vectors have 8 bytes');
});

test('a write to the pending bits has no effect', (t) => {
  const { msix, guest, software } = emulated(2);
  guest.control(ENABLE);
  software.sendSignal(1);
  msix.pbaWrite(0, 8, 0n);
  msix.pbaWrite(0, 4, ONES);
  t.is(msix.pbaRead(0, 8), 2n);
});

test('reserved bits of Vector Control and of the address stay 0', (t) => {
  const { msix } = emulated(1);
  msix.tableWrite(0, 8, 2n ** 64n - 1n);
  t.is(msix.tableRead(0, 8), 0xffff_ffff_ffff_fffcn);
  msix.tableWrite(CONTROL, 4, ONES);
  t.is(msix.tableRead(CONTROL, 4), 1);
  msix.tableWrite(CONTROL, 4, ONES - 1);
  t.is(msix.tableRead(CONTROL, 4), 0);
});

test('signals of a masked vector become pending, and unmasking delivers one interrupt', (t) => {
  const { msix, guest, software } = emulated(4);
  guest.control(ENABLE);
  guest.unmask(2);
  t.is(software.sendSignal(2), 'delivered');
  t.is(guest.taken(2), 1);
  guest.mask(2);
  for (let n = 0; n < 3; n++) t.is(software.sendSignal(2), 'pending');
  t.is(msix.pbaRead(0, 4), 4);
  t.true(msix.pending(2));
  t.is(guest.taken(2), 0);
  guest.unmask(2);
  t.is(guest.taken(2), 1);
  t.is(msix.pbaRead(0, 4), 0);
  guest.mask(2);
  guest.unmask(2);
  t.is(guest.taken(2), 0);
});

test('clearing Function Mask delivers the pending interrupts of unmasked vectors', (t) => {
  const { msix, guest, software } = emulated(66);
  guest.control(ENABLE);
  for (const vector of [0, 65]) guest.unmask(vector);
  guest.control(ENABLE | FUNCTION_MASK);
  for (const vector of [0, 1, 65]) t.is(software.sendSignal(vector), 'pending');
  t.is(msix.pbaRead(0, 8), 3n);
  t.is(msix.pbaRead(8, 8), 2n);
  guest.control(ENABLE);
  t.deepEqual(
    [0, 1, 65].map((vector) => guest.taken(vector)),
    [1, 0, 1],
  );
  t.is(msix.pbaRead(0, 8), 2n);
});

test('enabling MSI-X requests the unmasked vectors; while disabled, MSI-X delivers no interrupt', (t) => {
  const { msix, guest, software } = emulated(2);
  guest.unmask(0);
  t.is(software.sendSignal(0), 'disabled');
  t.is(msix.dropped(0), 1);
  t.is(msix.state(0), 'idle');
  guest.control(ENABLE);
  t.is(msix.state(0), 'requested');
  t.is(guest.taken(0), 0, 'a signal while MSI-X is disabled does not become pending');
  t.is(software.sendSignal(0), 'delivered');
  t.is(guest.taken(0), 1);
  guest.control(ENABLE | FUNCTION_MASK);
  software.sendSignal(0);
  guest.control(FUNCTION_MASK);
  t.is(guest.taken(0), 0);
  guest.control(ENABLE);
  t.is(guest.taken(0), 1, 'a pending interrupt stays pending while MSI-X is disabled');
});

test('SoftwareSource.withdraw() clears the pending bit of a vector', (t) => {
  const { msix, guest, software } = emulated(2);
  guest.control(ENABLE);
  software.sendSignal(0);
  software.sendSignal(1);
  software.withdraw(0);
  t.is(msix.pbaRead(0, 4), 2);
  guest.unmask(0);
  guest.unmask(1);
  t.deepEqual([guest.taken(0), guest.taken(1)], [0, 1]);
});

test('a delivery uses the latest message, even if one write changes message and mask bit', (t) => {
  const sent: (readonly [number, Message])[] = [];
  const { guest, msix, software } = emulated(2, {
    route: (vector, message) => sent.push([vector, message]),
  });
  guest.control(ENABLE);
  msix.tableWrite(16, 8, 0x1_fee0_0000n);
  msix.tableWrite(16 + DATA, 4, 0x41);
  software.sendSignal(1);
  t.deepEqual(sent, [], 'the route function is not called for a masked vector');
  msix.tableWrite(16 + DATA, 8, 0x42n);
  t.deepEqual(sent, [[1, { address: 0x1_fee0_0000n, data: 0x42 }]]);
  t.is(guest.taken(1), 1);
  msix.tableWrite(16 + DATA, 4, 0x43);
  t.deepEqual(sent.at(-1), [1, { address: 0x1_fee0_0000n, data: 0x43 }]);
});

test('the option `route` can be a function that connects a consumer to the vector', (t) => {
  const eventfd = createEventfd();
  const msix = tableOf(1, {
    route: (vector) => {
      msix.connect(vector, eventfd);
    },
  });
  const software = new SoftwareSource(msix);
  software.emulate(0, 1);
  msix.configWrite(2, 2, ENABLE);
  msix.tableWrite(CONTROL, 4, 0);
  t.is(software.sendSignal(0), 'delivered');
  t.is(eventfd.read(), 1n);
});

test('a signal without a consumer is dropped and counted if the vector is unmasked', (t) => {
  const { msix, guest, software } = emulated(1);
  guest.control(ENABLE);
  msix.connect(0, null);
  t.is(software.sendSignal(0), 'pending');
  guest.unmask(0);
  t.is(msix.dropped(0), 1, 'unmask drops the pending interrupt');
  t.is(software.sendSignal(0), 'dropped');
  t.is(msix.dropped(0), 2);
  const eventfd = createEventfd();
  msix.connect(0, eventfd);
  t.is(software.sendSignal(0), 'delivered');
  t.is(eventfd.read(), 1n);
});

test('emulate() fails with EBUSY and emulates nothing if one vector is in use', (t) => {
  const msix = tableOf(8);
  const one = new SoftwareSource(msix);
  const other = new SoftwareSource(msix);
  one.emulate(3, 1);
  for (const software of [one, other]) {
    t.throws(
      () => {
        software.emulate(0, 8);
      },
      { instanceOf: VfioError, code: 'EBUSY' },
    );
  }
  for (let vector = 0; vector < 8; vector++) {
    t.is(one.emulates(vector), vector === 3);
    t.false(other.emulates(vector));
  }
  t.throws(() => other.sendSignal(0), { instanceOf: VfioError, code: 'EINVAL' });
  t.throws(() => one.sendSignals([3, 4]), { instanceOf: VfioError, code: 'EINVAL' });
  t.throws(() => one.sendSignal(8), { instanceOf: RangeError });
  other.emulate(4, 4);
  const guest = new Guest(msix);
  guest.control(ENABLE);
  guest.unmask(3);
  guest.unmask(5);
  t.is(one.sendSignals(Uint32Array.of(3)), 1);
  t.is(other.sendSignals([4, 5]), 1);
  t.deepEqual([guest.taken(3), guest.taken(5), guest.taken(4)], [1, 1, 0]);
  t.throws(
    () => {
      msix.setCookie(3, 1);
    },
    { instanceOf: VfioError, code: 'EINVAL' },
  );
});

test('an unmasked vector that becomes emulated is requested immediately', (t) => {
  const msix = tableOf(2);
  const guest = new Guest(msix);
  guest.control(ENABLE);
  guest.unmask(1);
  t.is(msix.state(1), 'idle');
  const software = new SoftwareSource(msix);
  software.emulate(1, 1);
  t.is(msix.state(1), 'requested');
  t.is(software.sendSignal(1), 'delivered');
});

test('an unused vector needs less than 200 bytes of memory', (t) => {
  const { gc } = globalThis;
  if (gc === undefined) {
    t.fail('run with --expose-gc');
    return;
  }
  const used = () => {
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const tables = Array.from({ length: 20 }, () => {
    const msix = tableOf(2048);
    new SoftwareSource(msix).emulate(0, 2048);
    return msix;
  });
  const each = (used() - before) / (tables.length * 2048);
  t.log(`${each.toFixed(1)} bytes`);
  t.true(each < 200);
});
