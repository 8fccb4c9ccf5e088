// Tests of a rewriter of messages in a window of registers, on mock:wlan?layout=irregular.
import { once } from 'node:events';
import test from 'ava';
import {
  VfioError,
  VirtualIrqs,
  VirtualMsi,
  WindowRewriter,
  type WindowRewriterOptions,
} from 'vfio/mock';
import { IRREGULAR, taken, WINDOW } from './wlan.js';
import {
  ENABLE,
  LOW,
  message,
  moveMessages,
  openMsixWindow,
  openWindow,
  rewritten,
  type Window,
} from './window.js';

const [AT] = IRREGULAR;

test('the public trace of ath11k: each copy gets the physical message and raises the vector', (t) => {
  const { device, registers, events, raise, words, shown, write, physical } = openWindow(t);
  const vector = device.interrupts.msi.request(0);
  for (const offset of IRREGULAR) write(...message(offset, 0x21));
  t.deepEqual(
    events,
    IRREGULAR.map((offset) => rewritten(offset, 0x21, 0)),
  );
  t.not(physical(0)[0], LOW);
  for (const [source, offset] of IRREGULAR.entries()) {
    t.deepEqual(words(offset), physical(0));
    t.deepEqual(shown(offset), [LOW, ENABLE, 0x21]);
    raise(source);
    t.deepEqual(taken(vector), [1n]);
  }
  t.is(registers.read32(0x14), 0, 'no message fails');
});

test('MSI: each word is replaced when the guest writes the word', (t) => {
  const window = openWindow(t);
  window.guest = { address: 0xfee0_0000n, data: 0x40, vectors: 32 };
  const { device, events, words, write, physical } = window;
  device.interrupts.msi.enable({ vectors: 32 });
  for (const vector of [0, 9, 31]) device.interrupts.msi.request(vector);
  const [low = 0, high = 0, data = 0] = physical(9, 0xabcd_0100);
  write([AT, LOW]);
  t.deepEqual(words(AT), [low, 0, 0]);
  write([AT + 4, 0xabcd_0100]);
  t.deepEqual(words(AT), [low, high, 0]);
  write([AT + 8, 0x49]);
  t.deepEqual(words(AT), [low, high, data]);
  t.deepEqual(events, [rewritten(AT, 0x49, 9)]);
  // The driver can change the data only.
  write([AT + 8, 0x5f]);
  t.deepEqual(words(AT), physical(31, 0xabcd_0100));
  // Data beyond the vectors of the guest passes.
  write([AT + 8, 0x60]);
  t.deepEqual(words(AT), [low, high, 0x60]);
  t.deepEqual(events.slice(1), [rewritten(AT, 0x5f, 31)]);
});

test('MSI: data and high address that were written first are replaced with the low address', (t) => {
  const { device, events, words, write, physical } = openWindow(t);
  device.interrupts.msi.request(0);
  write([AT + 8, 0x21], [AT + 4, ENABLE]);
  t.deepEqual(words(AT), [0, ENABLE, 0x21]);
  t.deepEqual(events, []);
  write([AT, LOW]);
  t.deepEqual(words(AT), physical(0));
  t.deepEqual(events, [rewritten(AT, 0x21, 0)]);
});

test('the same words written again are a new message', (t) => {
  for (const window of [openWindow(t), openMsixWindow(t)]) {
    const { device, events, write, words, physical } = window;
    const index = indexOf(window);
    device.interrupts[index].request(0);
    for (let n = 1; n <= 3; n++) {
      write(...message(AT, 0x21));
      t.is(events.length, n);
      t.deepEqual(words(AT), physical(0));
    }
  }
});

test('MSI: an ordinary register that contains the address of the guest reads back', (t) => {
  const { device, rewriter, events, words, shown, write } = openWindow(t);
  device.interrupts.msi.request(0);
  // The base address of a ring: the high word contains a foreign address and a size.
  write([0x200, LOW], [0x204, 0x0004_0001], [0x208, 0x21]);
  t.deepEqual(words(0x200), [LOW, 0x0004_0001, 0x21]);
  // A register beside other registers that are not part of a message.
  write([0x300, LOW], [0x304, 0x1234_5600], [0x308, 0xffff_ffff]);
  t.deepEqual(shown(0x300), [LOW, 0x1234_5600, 0xffff_ffff]);
  t.deepEqual(words(0x300).slice(1), [0x1234_5600, 0xffff_ffff]);
  write([0x300, 0x5555]);
  t.deepEqual(words(0x300), [0x5555, 0x1234_5600, 0xffff_ffff]);
  // Adjacent registers, and the end of the window.
  write([0x400, LOW], [0x404, LOW], [0x408, LOW]);
  t.deepEqual(shown(0x400), [LOW, LOW, LOW]);
  t.deepEqual(words(0x400).slice(0, 2), [LOW, LOW]);
  write([WINDOW.size - 8, LOW], [WINDOW.size - 4, LOW]);
  t.is(rewriter.read(WINDOW.size - 8, 4), LOW);
  t.deepEqual(events, []);
});

test('a message whose address is changed by the guest passes completely', (t) => {
  const { device, events, words, write, physical } = openWindow(t);
  device.interrupts.msi.request(0);
  write(...message(AT, 0x21));
  t.deepEqual(words(AT), physical(0));
  write([AT, 0]);
  t.deepEqual(words(AT), [0, ENABLE, 0x21], 'the device gets the words of the guest');
  write(...message(AT, 0x21));
  t.deepEqual(words(AT), physical(0));
  write([AT + 4, ENABLE | 7]);
  t.deepEqual(words(AT), [LOW, ENABLE | 7, 0x21]);
  t.true(events.length >= 2);
});

test('while the MSI of the guest is disabled, all writes pass', (t) => {
  const window = openWindow(t);
  const { device, rewriter, events, words, write, physical } = window;
  const guest = window.guest;
  device.interrupts.msi.request(0);
  for (const disabled of [null, { address: 0xfee0_0000n, data: 0x21, vectors: 0 }]) {
    window.guest = disabled;
    write(...message(AT, 0x21));
    t.deepEqual(words(AT), [LOW, ENABLE, 0x21]);
    rewriter.refresh();
    t.deepEqual(words(AT), [LOW, ENABLE, 0x21]);
  }
  window.guest = guest;
  rewriter.refresh();
  t.deepEqual(words(AT), physical(0));
  t.deepEqual(events, [rewritten(AT, 0x21, 0)]);
  window.guest = null;
  write([AT + 8, 0x21]);
  t.deepEqual(words(AT), [LOW, ENABLE, 0x21]);
});

test('accesses of 1, 2 and 8 bytes', (t) => {
  const { device, registers, rewriter, events, words, physical } = openWindow(t);
  device.interrupts.msi.request(0);
  for (const [at, byte] of [0x00, 0x00, 0xe0].entries()) rewriter.write(AT + at, 1, byte);
  t.is(registers.read32(WINDOW.offset + AT), 0x00e0_0000);
  rewriter.write(AT + 3, 1, 0xfe);
  t.deepEqual(words(AT), [physical(0)[0], 0, 0]);
  rewriter.write(AT + 4, 2, 0);
  rewriter.write(AT + 6, 2, 0x1200);
  rewriter.write(AT + 8, 2, 0x21);
  t.deepEqual(words(AT), physical(0, 0x1200_0000));
  t.is(rewriter.read(AT + 3, 1), 0xfe);
  t.is(rewriter.read(AT + 2, 2), 0xfee0);
  t.is(rewriter.read(AT + 8, 2), 0x21);
  // A narrow write to a replaced word writes the whole word.
  rewriter.write(AT + 3, 1, 0x12);
  t.deepEqual(words(AT), [0x12e0_0000, 0x1200_0000, 0x21]);

  rewriter.write(0x1000, 8, 0x0000_0100_fee0_0000n);
  rewriter.write(0x1008, 8, 0xdead_beef_0000_0021n);
  t.deepEqual(words(0x1000), physical(0));
  t.is(rewriter.read(0x1000, 8), 0x0000_0100_fee0_0000n);
  t.is(rewriter.read(0x1008, 8), 0xdead_beef_0000_0021n);
  t.deepEqual(events.at(-1), rewritten(0x1000, 0x21, 0));
});

test('MSI-X: a word that is written in bytes reaches the device completely', (t) => {
  const { device, rewriter, words, shown, physical } = openMsixWindow(t);
  device.interrupts.msix.request(0);
  rewriter.write(8, 4, 0x21);
  rewriter.write(0, 4, LOW);
  for (const [at, byte] of [0x00, 0x01].entries()) rewriter.write(4 + at, 1, byte);
  // The bytes are held, but the guest reads the bytes.
  t.is(rewriter.read(4, 2), 0x0100);
  t.is(rewriter.read(4, 4), 0x0100);
  for (const at of [6, 7]) rewriter.write(at, 1, 0);
  t.deepEqual(words(0), physical(0, ENABLE));
  t.deepEqual(shown(0), [LOW, ENABLE, 0x21]);
});

test('MSI: a message of an unrequested vector fails, and is written after the request', (t) => {
  const window = openWindow(t);
  window.guest = { address: 0xfee0_0000n, data: 0x20, vectors: 2 };
  const { device, events, raise, words, shown, write, physical } = window;
  device.interrupts.msi.enable({ vectors: 2 });
  write(...message(AT, 0x21));
  t.deepEqual(events.splice(0), [['failed', AT, 0xfee0_0000n, 0x21, 'ENODATA']]);
  t.deepEqual(words(AT), [0, 0, 0], 'the device does not send the message of the guest');
  t.deepEqual(shown(AT), [LOW, ENABLE, 0x21]);
  const vector = device.interrupts.msi.request(1);
  t.deepEqual(words(AT), physical(1));
  t.deepEqual(events, [rewritten(AT, 0x21, 1)]);
  raise(0);
  t.deepEqual(taken(vector), [1n]);
});

test('a message follows its vector', (t) => {
  const { device, events, raise, words, shown, write, physical } = openWindow(t);
  device.interrupts.msi.request(0);
  write(...message(AT, 0x21), [0x200, LOW]);
  const before = physical(0);
  device.interrupts.msi.disable();
  t.deepEqual(words(AT), [0, 0, 0]);
  t.is(words(0x200)[0], LOW);
  raise(0);
  device.interrupts.msi.enable({ vectors: 32 });
  const vector = device.interrupts.msi.request(0);
  raise(0);
  t.deepEqual(taken(vector), [1n]);
  vector.close();
  moveMessages(device);
  device.interrupts.msi.request(0);
  t.notDeepEqual(physical(0), before);
  t.deepEqual(words(AT), physical(0));
  t.is(words(0x200)[0], physical(0)[0], 'an address without data follows, too');
  t.deepEqual(shown(AT), [LOW, ENABLE, 0x21]);
  t.is(events.length, 3);
});

test('watch() follows a message that the host has changed without an event', async (t) => {
  const { device, rewriter, events, words, write } = openWindow(t);
  device.interrupts.msi.request(0);
  write(...message(AT, 0x21));
  const moved = {
    address: 0x12_fee0_1000n,
    data: 0x77,
    remapped: false,
    method: 'novirt',
  } as const;
  device.messages.read = () => moved;
  rewriter.watch(1);
  await once(rewriter, 'rewritten');
  t.deepEqual(words(AT), [0xfee0_1000, 0x112, 0x77]);
  t.is(events.length, 2);
  rewriter.unwatch();
});

test('an address that does not fit into the high address bits fails with EOVERFLOW', (t) => {
  const { device, events, words, shown, write } = openWindow(t);
  device.interrupts.msi.request(0);
  const far = { address: 0x100_fee0_1000n, data: 0x77, remapped: false, method: 'novirt' } as const;
  device.messages.read = () => far;
  write(...message(AT, 0x21));
  t.deepEqual(events, [['failed', AT, 0xfee0_0000n, 0x21, 'EOVERFLOW']]);
  t.deepEqual(words(AT), [0, 0, 0]);
  t.deepEqual(shown(AT), [LOW, ENABLE, 0x21]);
});

test('refresh() recognizes the words again after the message of the guest has changed', (t) => {
  const window = openWindow(t);
  const { device, rewriter, events, words, write, physical } = window;
  device.interrupts.msi.request(0);
  write(...message(AT, 0x21), [0x200, 0xfee0_1000], [0x204, ENABLE], [0x208, 0x30]);
  events.length = 0;
  window.guest = { address: 0xfee0_1000n, data: 0x30, vectors: 1 };
  rewriter.refresh();
  t.deepEqual(words(AT), [LOW, ENABLE, 0x21], 'the old message passes');
  t.deepEqual(words(0x200), physical(0));
  t.deepEqual(events, [['rewritten', 0x200, 0xfee0_1000n, 0x30, 0]]);
});

test('reset() and a reset of the device forget all words', async (t) => {
  const { device, rewriter, words, shown, write, physical } = openWindow(t);
  device.interrupts.msi.request(0);
  write(...message(AT, 0x21));
  rewriter.reset();
  t.deepEqual(words(AT), physical(0), 'nothing is written');
  t.deepEqual(shown(AT), physical(0), 'the device serves the reads');
  write(...message(AT, 0x21));
  await device.reset();
  t.deepEqual(words(AT), [0, 0, 0]);
  t.deepEqual(shown(AT), [0, 0, 0]);
});

test('close() silences the messages, and a closed rewriter refuses accesses', (t) => {
  const { device, rewriter, words, write } = openWindow(t);
  device.interrupts.msi.request(0);
  write(...message(AT, 0x21));
  rewriter.close();
  rewriter.close();
  t.deepEqual(words(AT), [0, 0, 0]);
  t.throws(() => rewriter.read(AT, 4), { instanceOf: VfioError, code: 'EBADF' });
  t.throws(
    () => {
      rewriter.flush();
    },
    { instanceOf: VfioError, code: 'EBADF' },
  );
});

test('the guest can be an object with the message of its MSI', (t) => {
  const guest = { guestMessage: { address: 0xfee0_0000n, data: 0x21, vectors: 0 } };
  const { device, words, write, physical } = openWindow(t, { guest });
  device.interrupts.msi.request(0);
  write(...message(AT, 0x21));
  t.deepEqual(words(AT), [LOW, ENABLE, 0x21]);
  guest.guestMessage.vectors = 1;
  write(...message(AT, 0x21));
  t.deepEqual(words(AT), physical(0));
});

test('the guest can be a VirtualMsi that SET_IRQS enables', (t) => {
  const msi = new VirtualMsi({ vectors: 32 });
  const irqs = new VirtualIrqs({ msi });
  const { device, words, write, physical } = openWindow(t, { guest: msi });
  device.interrupts.msi.enable({ vectors: 4 });
  device.interrupts.msi.request(3);
  irqs.configWrite('msi', 2, 2, 0x21);
  irqs.configWrite('msi', 4, 4, LOW);
  irqs.configWrite('msi', 12, 2, 0x20);
  write(...message(AT, 0x23));
  t.deepEqual(words(AT), [LOW, ENABLE, 0x23], 'MSI is not enabled yet');
  const eventfds = new Array<null>(4).fill(null);
  irqs.setIrqs({ index: 1, flags: 0x24, start: 0, count: 4, eventfds });
  write(...message(AT, 0x23));
  t.deepEqual(words(AT), physical(3));
});

test('wrong options and accesses are refused', (t) => {
  const { device, rewriter } = openWindow(t);
  const options = { place: WINDOW, guest: () => null, index: 'msi', highBits: 0xff };
  const make = (wrong: object) => () =>
    new WindowRewriter(device, { ...options, ...wrong } as unknown as WindowRewriterOptions);
  for (const wrong of [
    { pages: () => 0 },
    { guest: {} },
    { index: 'intx' },
    { page: 3 },
    { highBits: '0xff' },
    { place: { ...WINDOW, length: 4 } },
    { place: { region: 0, offset: 0 } },
  ]) {
    t.throws(make(wrong), { instanceOf: TypeError }, Object.keys(wrong).join());
  }
  for (const wrong of [
    { highBits: 0x101 },
    { highBits: -1 },
    { place: { ...WINDOW, size: 8 } },
    { place: { ...WINDOW, size: 0x80004 } },
    { place: { ...WINDOW, offset: 0x80002 } },
  ]) {
    t.throws(make(wrong), { instanceOf: RangeError }, Object.keys(wrong).join());
  }
  t.throws(() => new WindowRewriter(null as unknown as typeof device, options as never), {
    instanceOf: TypeError,
    message: /PciDevice/,
  });
  for (const guest of [5, { address: 1, data: 0, vectors: 1 }, { address: 1n, data: 0 }]) {
    const wrong = make({ guest: () => guest })();
    t.throws(
      () => {
        wrong.write(0, 4, 0);
      },
      { instanceOf: TypeError },
    );
  }
  const loose = rewriter as unknown as Record<string, (...values: unknown[]) => void>;
  for (const [method, ...values] of [
    ['write', 0, 3, 0],
    ['write', 0, 4, '0'],
    ['write', 0, 8, 5],
    ['write', '0', 4, 5],
    ['watch', null],
  ] as const) {
    t.throws(() => loose[method]?.(...values), { instanceOf: TypeError }, method);
  }
  for (const [method, ...values] of [
    ['write', 2, 4, 0],
    ['write', 0, 1, 256],
    ['write', 0, 8, 1n << 64n],
    ['read', WINDOW.size, 4],
    ['read', 4, 8],
  ] as const) {
    t.throws(() => loose[method]?.(...values), { instanceOf: RangeError }, method);
  }
});

function indexOf({ device }: Window): 'msi' | 'msix' {
  return device.interrupts.msix.count > 0 ? 'msix' : 'msi';
}
