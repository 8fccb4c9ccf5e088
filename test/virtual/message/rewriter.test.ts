// Tests `MessageRewriter` on the private message registers of mock:wlan.
import test from 'ava';
import {
  type Message,
  MessageRewriter,
  type MessageRewriterOptions,
  recognizeMsi,
  recognizeTable,
} from 'vfio/mock';
import fc from '../../fast-check.js';
import { ENTRIES, LAYOUT, openWlan, STORE, taken, type Wlan } from './wlan.js';

const GUEST: Message = { address: 0xfee0_1000n, data: 0x4040 };
const CONTROL = 12;

function openRewriter(wlan: Wlan, unmatched: 'pass' | 'refuse' = 'refuse') {
  const rewriter = new MessageRewriter({
    store: wlan.store,
    recognize: recognizeMsi(() => GUEST, 32),
    unmatched,
  });
  const events: unknown[][] = [];
  rewriter.on('rewritten', (entry, _virtual, { vector }) =>
    events.push(['rewritten', entry, vector]),
  );
  rewriter.on('unmatched', (entry, { data }, passed) =>
    events.push(['unmatched', entry, data, passed]),
  );
  rewriter.on('failed', (entry, _virtual, { code }) => events.push(['failed', entry, code]));
  const program = (entry: number, { address, data }: Message) => {
    const start = entry * LAYOUT.stride;
    rewriter.write(start, 4, Number(address & 0xffff_ffffn));
    rewriter.write(start + 4, 4, Number(address >> 32n));
    rewriter.write(start + 8, 4, data);
  };
  return { rewriter, events, program };
}

const guest = (vector: number): Message => ({ ...GUEST, data: GUEST.data + vector });

test('the device receives the physical message, and the driver reads the virtual message', (t) => {
  const wlan = openWlan(t);
  const { rewriter, events, program } = openRewriter(wlan);
  wlan.device.interrupts.msi.enable({ vectors: 32 });
  const vector = wlan.device.interrupts.msi.request(9);
  program(2, guest(9));
  t.deepEqual(events, [['rewritten', 2, 9]]);
  t.is(rewriter.read(2 * 16, 4), 0xfee0_1000);
  t.is(rewriter.read(2 * 16 + 4, 4), 0);
  t.is(rewriter.read(2 * 16 + 8, 2), 0x4049);
  t.like(wlan.device.messages.read('msi', 9), wlan.store.read(2));
  t.not(wlan.store.read(2).address, GUEST.address);
  rewriter.write(2 * 16 + CONTROL, 4, 0);
  wlan.raise(2);
  t.deepEqual(taken(vector), [1n]);
});

test('the rewriter writes no part of an incomplete message to the device', (t) => {
  const wlan = openWlan(t);
  const { rewriter } = openRewriter(wlan);
  wlan.device.interrupts.msi.request(0);
  const start = STORE;
  for (const [offset, value] of [
    [8, 0x4040],
    [0, 0xfee0_1000],
  ] as const) {
    rewriter.write(offset, 4, value);
    for (const at of [0, 4, 8]) t.is(wlan.registers.read32(start + at), 0);
  }
  rewriter.write(4, 4, 0);
  t.like(wlan.device.messages.read('msi', 0), wlan.store.read(0));
});

test('if a driver writes a word in pieces, only the complete word reaches the device', (t) => {
  const wlan = openWlan(t);
  const { rewriter, events } = openRewriter(wlan, 'pass');
  wlan.device.interrupts.msi.request(0);
  rewriter.write(4, 4, 0);
  rewriter.write(8, 2, GUEST.data);
  for (const [n, byte] of [0x00, 0x10, 0xe0, 0xfe].entries()) {
    t.deepEqual(events, []);
    t.deepEqual(wlan.store.read(0), { address: 0n, data: 0 });
    rewriter.write(n, 1, byte);
  }
  t.deepEqual(events, [['rewritten', 0, 0]]);
  t.is(rewriter.read(0, 4), 0xfee0_1000);
  t.like(wlan.device.messages.read('msi', 0), wlan.store.read(0));
});

test('unmasking an entry ends its message, so the rewriter writes the physical message', (t) => {
  const wlan = openWlan(t);
  const { rewriter, events, program } = openRewriter(wlan);
  wlan.device.interrupts.msi.enable({ vectors: 32 });
  const one = wlan.device.interrupts.msi.request(1);
  const two = wlan.device.interrupts.msi.request(2);
  program(0, guest(1));
  rewriter.write(CONTROL, 4, 0);
  wlan.raise(0);
  rewriter.write(CONTROL, 4, 1);
  rewriter.write(8, 4, guest(2).data);
  t.deepEqual(events.splice(0), [['rewritten', 0, 1]]);
  rewriter.write(CONTROL, 4, 0);
  t.deepEqual(events, [['rewritten', 0, 2]]);
  wlan.raise(0);
  t.deepEqual(taken(one, two), [1n, 1n]);
});

test('a message that matches no vector emits an event; only `pass` writes the message', (t) => {
  for (const unmatched of ['refuse', 'pass'] as const) {
    const wlan = openWlan(t);
    const { events, program } = openRewriter(wlan, unmatched);
    const stranger = { address: 0xfee0_1000n, data: 0x5555 };
    program(0, stranger);
    const passed = unmatched === 'pass';
    t.deepEqual(events, [['unmatched', 0, 0x5555, passed]]);
    t.deepEqual(wlan.store.read(0), passed ? stranger : { address: 0n, data: 0 });
  }
});

test('a message of a vector that is not requested emits an event; refresh() retries the message', (t) => {
  const wlan = openWlan(t);
  const { rewriter, events, program } = openRewriter(wlan);
  program(0, guest(0));
  t.deepEqual(events.splice(0), [['failed', 0, 'ENODATA']]);
  const vector = wlan.device.interrupts.msi.request(0);
  rewriter.refresh();
  rewriter.write(CONTROL, 4, 0);
  t.deepEqual(events, [['rewritten', 0, 0]]);
  wlan.raise(0);
  t.deepEqual(taken(vector), [1n]);
  rewriter.reset();
  t.is(rewriter.read(8, 4), 0);
  wlan.raise(0);
  t.deepEqual(taken(vector), [0n]);
});

test('recognizeTable() finds the vector of each message in a table', (t) => {
  const recognize = recognizeTable(() => [
    [3, { address: 1n, data: 7 }],
    [4, { address: 2n, data: 7 }],
  ]);
  t.deepEqual(recognize({ address: 2n, data: 7 }), { index: 'msix', vector: 4 });
  t.is(recognize({ address: 2n, data: 8 }), null);
});

test('the rewriter refuses an access that is misaligned, too wide or outside of the store', (t) => {
  const { rewriter } = openRewriter(openWlan(t));
  for (const [offset, width] of [
    [ENTRIES * 16, 4],
    [2, 4],
    [1, 2],
  ] as const) {
    t.throws(() => rewriter.read(offset, width), { instanceOf: RangeError });
  }
  t.throws(() => rewriter.read(0, 8 as 4), { instanceOf: TypeError });
  for (const value of [-1, 1.5, 2 ** 16]) {
    t.throws(
      () => {
        rewriter.write(0, 2, value);
      },
      { instanceOf: RangeError },
    );
  }
});

test('wrong options are refused', (t) => {
  const { store } = openWlan(t);
  const recognize = recognizeMsi(() => GUEST, 32);
  const options = { store, recognize, unmatched: 'pass' };
  for (const wrong of [
    { ...options, unmatchd: 'pass' },
    { ...options, unmatched: 'drop' },
    { ...options, store: { entries: 1 } },
    { ...options, recognize: GUEST },
    null,
  ]) {
    t.throws(() => new MessageRewriter(wrong as unknown as MessageRewriterOptions), {
      instanceOf: TypeError,
    });
  }
  t.throws(() => recognizeMsi(GUEST as unknown as () => Message, 1), { instanceOf: TypeError });
  t.throws(() => recognizeMsi(() => GUEST, 33), { instanceOf: RangeError });
  const guest = { guestMessage: { ...GUEST, vectors: 2 } };
  t.is(recognizeMsi(guest)({ ...GUEST, data: GUEST.data + 2 }), null);
  t.like(recognizeMsi(guest)({ ...GUEST, data: GUEST.data + 1 }), { vector: 1 });
  t.throws(() => recognizeTable([] as unknown as () => []), { instanceOf: TypeError });
  t.throws(() => recognizeTable(() => [], 'intx' as 'msi'), { instanceOf: TypeError });
});

test('the device contains only complete physical messages, for any order of writes', (t) => {
  const wlan = openWlan(t);
  wlan.device.interrupts.msi.enable({ vectors: 32 });
  for (let n = 0; n < 32; n++) wlan.device.interrupts.msi.request(n);
  const whole = new Set(['0 0']);
  for (let n = 0; n < 32; n++) {
    const { address, data } = wlan.device.messages.read('msi', n);
    whole.add(`${address} ${data}`);
  }
  const word = fc.constantFrom(0, 4, 8);
  const step = fc.record({
    entry: fc.integer({ min: 0, max: 2 }),
    at: fc.oneof({ weight: 5, arbitrary: word }, fc.constant(CONTROL)),
    vector: fc.integer({ min: 0, max: 40 }),
    width: fc.constantFrom<1 | 2 | 4>(1, 2, 4),
  });
  const value = (at: number, vector: number) =>
    at === 0 ? 0xfee0_1000 : at === 4 ? 0 : at === 8 ? guest(vector).data : vector & 1;
  const allWhole = () =>
    [0, 1, 2].every((entry) => {
      const { address, data } = wlan.store.read(entry);
      return whole.has(`${address} ${data}`);
    });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { rewriter } = openRewriter(wlan);
      const shown = new Map<number, number>();
      for (const { entry, at, vector, width } of steps) {
        const offset = entry * 16 + at;
        const written = value(at, vector);
        // The upper pieces of a word are written before the lower pieces.
        for (let piece = 4 - width; piece >= 0; piece -= width) {
          rewriter.write(
            offset + piece,
            width,
            Math.floor(written / 2 ** (8 * piece)) % 2 ** (8 * width),
          );
          if (!allWhole()) return false;
        }
        shown.set(offset, written);
      }
      for (const [offset, written] of shown) {
        if (rewriter.read(offset, 4) !== written) return false;
      }
      rewriter.reset();
      return true;
    }),
    { numRuns: 200 },
  );
  t.pass();
});
