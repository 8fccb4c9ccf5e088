// Tests private interrupt sources with the methods `message` and `set-irqs`. The method `message`
// uses spare MSI vectors. The method `set-irqs` needs a kernel driver with an interrupt index for
// the sources.
import test from 'ava';
import { PrivateSources, type PrivateSourcesOptions, VfioError } from 'vfio/mock';
import { openWlan, STORE, taken } from './wlan.js';

const SPARE = { index: 'msi', vectors: [16, 17] } as const;

for (const [method, settings] of [
  ['message', ''],
  ['set-irqs', 'variant=on&novirt=off'],
] as const) {
  test(`${method}: each private source signals its own vector`, async (t) => {
    const { device, registers, store, raise } = openWlan(t, settings);
    const table = method === 'message' ? device.interrupts.msi : null;
    const sources = new PrivateSources(device, { store, spare: SPARE });
    t.is(sources.method, method);
    const three = sources.request(3);
    const nine = sources.request(9);
    const words = (source: number) =>
      [0, 4, 8].map((at) => registers.read32(STORE + source * 16 + at));
    t.notDeepEqual(words(3), words(9));
    raise(3);
    raise(3);
    raise(9);
    t.deepEqual(taken(three, nine), [2n, 1n]);
    const next = three.next();
    raise(3);
    t.is(await next, 1n);
    t.is(table?.vector(0), undefined, 'a private source does not use the vector with its number');

    t.throws(() => sources.request(3), { instanceOf: VfioError, code: 'EBUSY' });
    three.close();
    t.is(sources.vector(3), undefined);
    raise(3);
    const again = sources.request(3);
    t.is(sources.vector(3), again);
    // The device held the interrupt until its vector was requested.
    t.deepEqual(taken(again, nine), [1n, 0n]);
  });

  test(`${method}: the private sources still signal their vectors after a reset`, async (t) => {
    const { device, store, raise } = openWlan(t, settings);
    const sources = new PrivateSources(device, { store, spare: SPARE });
    const vector = sources.request(0);
    await device.reset();
    raise(0);
    t.deepEqual(taken(vector), [1n]);
  });
}

test('method message: if no spare vector is left, a request fails with ENOSPC', (t) => {
  const { device, store } = openWlan(t);
  const twice = { index: 'msi', vectors: [16, 16] } as const;
  t.is(new PrivateSources(device, { store, spare: twice }).count, 1);
  const sources = new PrivateSources(device, { store, spare: SPARE });
  t.is(sources.count, 2);
  sources.request(0);
  const second = sources.request(1);
  t.throws(() => sources.request(2), { instanceOf: VfioError, code: 'ENOSPC' });
  second.close();
  t.notThrows(() => sources.request(2));
});

test('set-irqs: MSI vectors and private sources work at the same time', (t) => {
  const { device, store, raise } = openWlan(t, 'variant=on');
  const sources = new PrivateSources(device, { store, spare: SPARE });
  t.is(sources.count, 32);
  t.is(device.info.numIrqs, 6);
  const vector = device.interrupts.msi.request(0);
  const source = sources.request(31);
  raise(31);
  t.deepEqual(taken(vector, source), [0n, 1n]);
});

test('method message: if the message of a vector cannot be read, the vector is released', (t) => {
  const { device, store } = openWlan(t, 'novirt=off');
  const sources = new PrivateSources(device, { store, spare: SPARE });
  t.throws(() => sources.request(0), { instanceOf: VfioError, code: 'ENOTSUP' });
  t.is(device.interrupts.msi.vector(16), undefined);
});

test('wrong options are refused', (t) => {
  const { device, store } = openWlan(t);
  for (const wrong of [
    { store },
    { store, spare: SPARE, spares: 1 },
    { store: {}, spare: SPARE },
    { store, spare: { ...SPARE, index: 'intx' } },
    { store, spare: { ...SPARE, vectors: 16 } },
    { store, spare: { ...SPARE, vectors: ['16'] } },
    { store, spare: { ...SPARE, count: 2 } },
  ]) {
    t.throws(() => new PrivateSources(device, wrong as unknown as PrivateSourcesOptions), {
      instanceOf: TypeError,
    });
  }
});
