// Tests of a window rewriter for MSI-X, whose messages are held until they are known.
import test from 'ava';
import type { Message } from 'vfio/mock';
import { moveMessages, openMsixWindow } from './window.js';

const LOW = 0xfee0_0000;
const ENABLE = 0x100;
const AT = 0x40;
const GUEST = { address: 0xfee0_0000n, data: 0x20, vectors: 3 };

test('the words are held until the message is known, and then written in order', (t) => {
  const window = openMsixWindow(t);
  window.guest = GUEST;
  const { device, events, words, shown, write, physical } = window;
  for (let n = 0; n < 3; n++) device.interrupts.msix.request(n);
  t.not(physical(1)[0], physical(2)[0], 'the address depends on the vector');
  write([AT, LOW]);
  t.deepEqual(words(AT), [0, 0, 0]);
  write([AT + 4, ENABLE]);
  t.deepEqual(words(AT), [0, 0, 0]);
  t.deepEqual(shown(AT), [LOW, ENABLE, 0]);
  write([AT + 8, 0x22]);
  t.deepEqual(words(AT), physical(2));
  t.deepEqual(shown(AT), [LOW, ENABLE, 0x22]);
  t.deepEqual(events, [['rewritten', AT, 0xfee0_0000n, 0x22, 2]]);
  write([AT + 8, 0x21]);
  t.deepEqual(words(AT), physical(1), 'new data changes the address, too');
});

test('the words are known in any order', (t) => {
  const window = openMsixWindow(t);
  window.guest = GUEST;
  const { device, events, words, write, physical } = window;
  device.interrupts.msix.request(1);
  const orders = [
    [0, 4, 8],
    [0, 8, 4],
    [4, 0, 8],
    [8, 0, 4],
    [4, 8, 0],
    [8, 4, 0],
  ];
  for (const [n, order] of orders.entries()) {
    const offset = 0x100 + 0x20 * n;
    const values = new Map([
      [0, LOW],
      [4, ENABLE],
      [8, 0x21],
    ]);
    for (const at of order) write([offset + at, values.get(at) ?? 0]);
    t.deepEqual(words(offset), physical(1), order.join(', '));
    t.is(events.length, n + 1);
  }
});

test('held words pass unchanged if a word is foreign, at another access and at flush()', (t) => {
  const window = openMsixWindow(t);
  window.guest = GUEST;
  const { device, rewriter, events, words, write } = window;
  device.interrupts.msix.request(0);
  write([AT, LOW], [AT + 4, 7]);
  t.deepEqual(words(AT), [LOW, 7, 0], 'a foreign high address');
  write([0x80, LOW], [0x84, ENABLE], [0x88, 0x23]);
  t.deepEqual(words(0x80), [LOW, ENABLE, 0x23], 'foreign data');
  write([0xc0, LOW], [0xc4, ENABLE]);
  write([0x200, 5]);
  t.deepEqual(words(0xc0), [LOW, ENABLE, 0], 'a write of another register');
  write([0x100, LOW]);
  t.is(rewriter.read(0x100, 4), LOW);
  t.is(words(0x100)[0], 0);
  rewriter.read(0x200, 4);
  t.is(words(0x100)[0], LOW, 'a read of another register');
  rewriter.write(0x140, 2, 0x0000);
  rewriter.write(0x142, 2, 0xfee0);
  t.is(words(0x140)[0], 0);
  rewriter.flush();
  t.is(words(0x140)[0], LOW, 'flush()');
  t.deepEqual(events, []);
});

test('a message that was complete and becomes foreign passes as a whole', (t) => {
  const window = openMsixWindow(t);
  window.guest = GUEST;
  const { device, words, shown, write, physical } = window;
  device.interrupts.msix.request(0);
  write([AT, LOW], [AT + 4, ENABLE], [AT + 8, 0x20]);
  t.deepEqual(words(AT), physical(0));
  write([AT + 8, 0x99]);
  t.deepEqual(words(AT), [LOW, ENABLE, 0x99]);
  write([AT + 8, 0x20]);
  t.deepEqual(shown(AT), [LOW, ENABLE, 0x20]);
});

test('the guest can have a table of messages with different addresses', (t) => {
  const window = openMsixWindow(t);
  const table: [number, Message][] = [
    [0, { address: 0xfee0_0000n, data: 0x31 }],
    [1, { address: 0xfee0_1000n, data: 0x31 }],
    [3, { address: 0xfee0_1000n, data: 0x42 }],
  ];
  window.guest = table;
  const { device, rewriter, words, write, physical } = window;
  for (const vector of [0, 1, 3]) device.interrupts.msix.request(vector);
  const program = (low: number, data: number) => {
    write([AT, low], [AT + 4, ENABLE], [AT + 8, data]);
  };
  program(0xfee0_0000, 0x31);
  t.deepEqual(words(AT), physical(0));
  program(0xfee0_1000, 0x42);
  t.deepEqual(words(AT), physical(3));
  program(0xfee0_1000, 0x31);
  t.deepEqual(words(AT), physical(1));
  program(0xfee0_0000, 0x42);
  t.deepEqual(words(AT), [0xfee0_0000, ENABLE, 0x42], 'no vector has this message');
  program(0xfee0_1000, 0x42);
  table[2] = [3, { address: 0xfee0_2000n, data: 0x42 }];
  rewriter.refresh();
  t.deepEqual(words(AT), [0xfee0_1000, ENABLE, 0x42]);
});

test('words of a page that is not selected any more are written when their page is selected', (t) => {
  let page = 0;
  const window = openMsixWindow(t, { page: () => page });
  window.guest = GUEST;
  const { device, rewriter, words, write } = window;
  device.interrupts.msix.request(0);
  write([AT, LOW], [AT + 4, ENABLE]);
  rewriter.write(AT + 10, 1, 0x12);
  page = 1;
  write([0x200, 5]);
  t.deepEqual(words(AT), [0, 0, 0]);
  rewriter.pageSelected();
  t.deepEqual(words(AT), [0, 0, 0]);
  page = 0;
  rewriter.pageSelected();
  t.deepEqual(words(AT), [LOW, ENABLE, 0x12_0000]);
});

test('refresh() recognizes held words of a page that is not selected', (t) => {
  let page = 0;
  const window = openMsixWindow(t, { page: () => page });
  window.guest = { ...GUEST, data: 0x40 };
  const { device, rewriter, words, write, physical } = window;
  device.interrupts.msix.request(1);
  write([AT + 8, 0x21], [AT, LOW], [AT + 4, ENABLE]);
  page = 1;
  write([0x200, 5]);
  window.guest = GUEST;
  rewriter.refresh();
  t.deepEqual(words(AT), [0, 0, 0x21]);
  page = 0;
  rewriter.pageSelected();
  t.deepEqual(words(AT), physical(1));
});

test('a message follows its vector', (t) => {
  const window = openMsixWindow(t);
  window.guest = GUEST;
  const { device, words, shown, write, physical } = window;
  const vector = device.interrupts.msix.request(2);
  write([AT, LOW], [AT + 4, ENABLE], [AT + 8, 0x22]);
  vector.close();
  t.deepEqual(words(AT), [0, 0, 0]);
  t.deepEqual(shown(AT), [LOW, ENABLE, 0x22]);
  moveMessages(device);
  device.interrupts.msix.request(2);
  t.deepEqual(words(AT), physical(2));
});

test('the table of a guest is read once, and again after refresh()', (t) => {
  const window = openMsixWindow(t);
  const { device, rewriter, words, write, physical } = window;
  for (let n = 0; n < 3; n++) device.interrupts.msix.request(n);
  let reads = 0;
  let messages: readonly (readonly [number, Message])[] = [[1, { address: BigInt(LOW), data: 7 }]];
  window.guest = {
    [Symbol.iterator]() {
      reads++;
      return messages[Symbol.iterator]();
    },
  };
  write([AT, LOW], [AT + 4, 0], [AT + 8, 7]);
  for (let at = 0x100; at < 0x140; at += 4) write([at, 1]);
  t.deepEqual(words(AT), physical(1, 0));
  t.is(reads, 1);
  messages = [[2, { address: BigInt(LOW), data: 9 }]];
  rewriter.refresh();
  write([AT, LOW], [AT + 4, 0], [AT + 8, 9]);
  t.deepEqual(words(AT), physical(2, 0));
  t.is(reads, 2);
});
