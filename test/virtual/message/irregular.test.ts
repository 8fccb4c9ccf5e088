// Message stores whose entries are at irregular offsets, with an enable bit beside the high address
// bits, on mock:wlan?layout=irregular.
import test from 'ava';
import { MessageRewriter, MessageStore, PrivateSources, recognizeMsi, VfioError } from 'vfio/mock';
import { IRREGULAR, IRREGULAR_LAYOUT, openIrregular, taken, WINDOW } from './wlan.js';

const msi = (vector: number) => ({ index: 'msi', vector }) as const;
const HIGH = 4;

test('each entry of a list of offsets raises its own vector', (t) => {
  const { device, registers, store, raise } = openIrregular(t);
  device.interrupts.msi.enable({ vectors: 32 });
  t.is(store.entries, IRREGULAR.length);
  const vectors = IRREGULAR.map((_, entry) => device.interrupts.msi.request(entry + 3));
  for (const entry of IRREGULAR.keys()) store.fill(entry, msi(entry + 3));
  t.deepEqual(store.verify(), []);
  for (const [entry, offset] of IRREGULAR.entries()) {
    const at = WINDOW.offset + offset;
    t.is(registers.read32(at + 8), store.read(entry).data);
    t.is(registers.read32(at + HIGH), 0x100);
    raise(entry);
    t.deepEqual(
      taken(...vectors),
      vectors.map((_, other) => (other === entry ? 1n : 0n)),
    );
  }
});

test('the enable bit of an entry is clear while the entry is masked or silent', async (t) => {
  const { device, registers, store, raise } = openIrregular(t);
  const at = WINDOW.offset + IRREGULAR[12] + HIGH;
  registers.write32(at, 0xabcd_0000);
  const vector = device.interrupts.msi.request(0);
  store.fill(12, msi(0), { masked: true });
  t.is(registers.read32(at), 0xabcd_0000);
  raise(12);
  store.setMask(12, false);
  t.is(registers.read32(at), 0xabcd_0100, 'the other bits of the word are unchanged');
  raise(12);
  t.deepEqual(taken(vector), [1n]);
  await device.reset();
  t.is(registers.read32(at), 0x100);
  vector.close();
  t.is(registers.read32(at), 0);
});

test('an address that does not fit into the high address bits is not written', (t) => {
  const { store, registers } = openIrregular(t);
  const at = WINDOW.offset + IRREGULAR[0];
  store.write(0, { address: 0xab_fee0_0000n, data: 5 });
  t.is(registers.read32(at + HIGH), 0x1ab);
  t.is(store.read(0).address, 0xab_fee0_0000n);
  const error = t.throws(
    () => {
      store.write(0, { address: 0x100_fee0_0000n, data: 6 });
    },
    { instanceOf: VfioError, code: 'EOVERFLOW' },
  );
  t.regex(error.message, /0x100fee00000 do not fit into the bits 0xff/);
  t.deepEqual(store.read(0), { address: 0xab_fee0_0000n, data: 5 });
  t.is(registers.read32(at + HIGH), 0x1ab);
});

test('private sources at irregular offsets each have a vector', (t) => {
  const { device, store, raise } = openIrregular(t);
  const sources = new PrivateSources(device, { store, spare: { index: 'msi', vectors: [4, 5] } });
  const [one, two] = [sources.request(2), sources.request(9)];
  raise(2);
  raise(9);
  raise(9);
  t.deepEqual(taken(one, two), [1n, 2n]);
  two.close();
  raise(9);
  t.deepEqual(taken(one), [0n]);
});

test('a rewriter takes the address from the bits of the layout, and passes the enable bit', (t) => {
  const { device, registers, store, raise } = openIrregular(t);
  device.interrupts.msi.enable({ vectors: 2 });
  const [, vector] = [device.interrupts.msi.request(0), device.interrupts.msi.request(1)];
  const guest = { address: 0xfee0_0000n, data: 0x21 };
  const rewriter = new MessageRewriter({
    store,
    recognize: recognizeMsi(() => guest, 2),
    unmatched: 'refuse',
  });
  const events: unknown[] = [];
  rewriter.on('rewritten', (entry, { address, data }, { vector: number }) =>
    events.push([entry, address, data, number]),
  );
  const offset = IRREGULAR[3];
  const at = WINDOW.offset + offset;
  const words = () => [0, 4, 8].map((word) => registers.read32(at + word));
  rewriter.write(offset, 4, 0xfee0_0000);
  rewriter.write(offset + 4, 4, 0x100);
  t.deepEqual(words(), [0, 0, 0], 'no part of an incomplete message reaches the device');
  rewriter.write(offset + 8, 4, 0x22);
  t.deepEqual(events, [[3, 0xfee0_0000n, 0x22, 1]]);
  t.is(registers.read32(at + 4), 0x100);
  t.is(rewriter.read(offset + 4, 4), 0x100);
  raise(3);
  t.deepEqual(taken(vector), [1n]);

  rewriter.write(offset + 4, 4, 0x8000);
  t.is(registers.read32(at + 4), 0x8000, 'the driver disables the source');
  raise(3);
  rewriter.write(offset + 4, 4, 0x8100);
  raise(3);
  t.deepEqual(taken(vector), [1n]);
  t.is(events.length, 1);

  for (const [word, value] of [
    [0, 0xfee0_0000],
    [8, 0x21],
  ] as const) {
    rewriter.write(offset + word, 4, value);
  }
  t.deepEqual(events.at(-1), [3, 0xfee0_0000n, 0x21, 0]);
  // A word between the entries belongs to the device.
  rewriter.write(0x100, 4, 0x1234);
  t.is(registers.read32(WINDOW.offset + 0x100), 0x1234);
  t.is(rewriter.read(0x100, 2), 0x1234);
});

test('a wrong list of offsets is refused', (t) => {
  const { device } = openIrregular(t);
  const make =
    (entries: unknown, layout: object = IRREGULAR_LAYOUT) =>
    () =>
      new MessageStore(device, {
        layout: layout as typeof IRREGULAR_LAYOUT,
        entries: entries as number[],
        place: { region: 0, offset: WINDOW.offset },
      });
  for (const [entries, message] of [
    [[0x48, 0x50], /entries 0 and 1 overlap/],
    [[0x48, 0x4a], /0x4a|74/],
    [[], /number of entries/],
    [[0x7fff8], /not within/],
    [[-4], /offset of entry 0/],
  ] as const) {
    t.throws(make(entries), { instanceOf: RangeError, message });
  }
  t.throws(make('12'), { instanceOf: TypeError, message: /array of offsets/ });
  t.throws(make(['0']), { instanceOf: TypeError, message: /offset of entry 0/ });
  t.throws(make(3), { instanceOf: TypeError, message: /stride/ });
});
