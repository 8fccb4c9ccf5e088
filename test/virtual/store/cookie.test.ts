import test from 'ava';
import {
  type Cookie,
  type CookieField,
  createEventfd,
  ImsDomain,
  ImsSource,
  memoryStorage,
  type SlotLayout,
  VfioError,
} from 'vfio/mock';
import fc from '../../fast-check.js';
import { FULL, SEED } from '../../full.js';
import { dsa } from '../ims/bench.js';

const STRIDE = 48;
const COOKIE_AT = 20;

/** A slot with a mask bit and a pending bit, and with a cookie from offset 20 on. */
function layoutWith(cookie: CookieField): SlotLayout {
  return {
    name: 'wide',
    stride: STRIDE,
    addressLow: 0,
    addressHigh: 4,
    data: 8,
    mask: { offset: 12, bits: 1 },
    pending: { offset: 12, bits: 2 },
    cookie,
  };
}

function domainWith(layout: SlotLayout) {
  const bytes = new Uint8Array(4 * STRIDE);
  const storage = memoryStorage(bytes);
  return { domain: new ImsDomain({ layout, storage, hostVectors: dsa(1).host }), bytes };
}

/** A 64-bit pointer, which every slot needs. */
const POINTER: CookieField = { offset: COOKIE_AT, shift: 0, width: 64 };

test('a slot contains exactly the bits of a cookie of any width and position', (t) => {
  const fields = fc.record({
    shift: fc.nat(31),
    width: fc.integer({ min: 1, max: 64 }),
    enable: fc.constantFrom('none', 'same', 'other'),
  });
  const property = fc.property(fields, fc.bigInt(0n, 2n ** 64n - 1n), (field, random) => {
    const { shift, width } = field;
    // The bit below the cookie, if any, enables the cookie in the same word.
    const same = shift === 0 ? 0 : 1 << (shift - 1);
    const enable = { none: undefined, same, other: { offset: 12, bits: 1 << 31 } }[field.enable];
    const { domain, bytes } = domainWith(layoutWith({ offset: COOKIE_AT, enable, shift, width }));
    const value = BigInt.asUintN(width, random);
    const cookie: Cookie = width > 32 ? value : Number(value);
    const slot = domain.allocate({ cookie });
    const view = new DataView(bytes.buffer);
    let wide = 0n;
    for (let word = 3; word >= 0; word--) {
      wide = (wide << 32n) | BigInt(view.getUint32(COOKIE_AT + 4 * word, true));
    }
    const enabled = field.enable === 'same' ? BigInt(same >>> 0) : 0n;
    t.is(wide, (value << BigInt(shift)) | enabled);
    t.is(slot.read().cookie, cookie);
    t.is(slot.cookie, cookie);
    t.is(view.getUint32(12, true), field.enable === 'other' ? 0x8000_0001 : 1);
  });
  t.log(`seed ${SEED}`);
  fc.assert(property, { numRuns: FULL ? 5000 : 300 });
});

test('a cookie must have the type and the width of its field', (t) => {
  const { domain } = domainWith(layoutWith(POINTER));
  const allocate = (cookie: Cookie) => () => domain.allocate({ cookie });
  t.throws(allocate(1), { instanceOf: TypeError });
  t.throws(allocate(-1n), { instanceOf: RangeError });
  t.throws(allocate(2n ** 64n), { instanceOf: RangeError });
  t.is(domain.allocate({ cookie: 2n ** 64n - 1n }).cookie, 2n ** 64n - 1n);
  const { domain: narrow } = domainWith(layoutWith({ ...POINTER, width: 32 }));
  t.throws(() => narrow.allocate({ cookie: 1n }), { instanceOf: TypeError });
  t.throws(() => narrow.allocate({ cookie: 2 ** 32 }), { instanceOf: RangeError });
  t.is(narrow.allocate({ cookie: 2 ** 32 - 1 }).read().cookie, 2 ** 32 - 1);
});

test('without an enable bit, a slot and a source need a cookie', (t) => {
  const { domain } = domainWith(layoutWith(POINTER));
  const einval = { instanceOf: VfioError, code: 'EINVAL' };
  t.throws(() => domain.allocate(), einval);
  t.throws(() => new ImsSource(domain, { count: 1 }), einval);
  t.throws(() => new ImsSource(domain, { count: 1, defaultCookie: 5 }), { instanceOf: TypeError });
  const source = new ImsSource(domain, { count: 2, defaultCookie: 0xffff_8880_0000_1000n });
  source.request(0, createEventfd());
  t.is(source.slotOf(0)?.read().cookie, 0xffff_8880_0000_1000n);
  t.throws(() => {
    source.setCookie(0, null);
  }, einval);
  source.setCookie(1, 7n);
  source.request(1, createEventfd());
  t.is(source.slotOf(1)?.cookie, 7n);
});

test('a cookie over several words changes only while the slot is masked', (t) => {
  const { mask, ...unmaskable } = layoutWith(POINTER);
  t.truthy(mask);
  const { domain, bytes } = domainWith(unmaskable);
  const slot = domain.allocate({ cookie: 1n });
  slot.setCookie(2n);
  slot.program(domain.allocateVector(createEventfd()));
  slot.unmask();
  const before = bytes.slice();
  t.throws(
    () => {
      slot.setCookie(2n ** 40n);
    },
    { instanceOf: VfioError, code: 'EBUSY' },
  );
  t.deepEqual(bytes, before);

  let writesWhileLive = 0;
  const layout = layoutWith(POINTER);
  const memory = memoryStorage(new Uint8Array(STRIDE));
  const storage = {
    ...memory,
    update32: (offset: number, bits: number, value: number) => {
      if (offset >= COOKIE_AT && (memory.read32(12) & 1) === 0) writesWhileLive++;
      memory.update32?.(offset, bits, value);
    },
  };
  const maskable = new ImsDomain({ layout, storage, hostVectors: dsa(1).host });
  const live = maskable.allocate({ cookie: 1n });
  live.program(maskable.allocateVector(createEventfd()));
  live.unmask();
  live.setCookie(2n ** 40n + 3n);
  t.is(live.read().cookie, 2n ** 40n + 3n);
  t.true(live.live);
  t.is(writesWhileLive, 0);
});

test('a cookie field with overlapping or missing bits throws a RangeError', (t) => {
  for (const field of [
    { ...POINTER, width: 0 },
    { ...POINTER, width: 65 },
    { ...POINTER, shift: 32 },
    { ...POINTER, offset: 40, shift: 1 },
    { ...POINTER, enable: 1 },
    { ...POINTER, enable: { offset: 12, bits: 1 } },
    { ...POINTER, enable: { offset: 14, bits: 4 } },
    { ...POINTER, offset: 8 },
  ]) {
    t.throws(() => domainWith(layoutWith(field)), { instanceOf: RangeError });
  }
});

test('an offset or an enable bit of a wrong type is refused', (t) => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ offset: Symbol('offset') }, /^cookie\.offset must be a number/],
    [{ offset: 8n }, /^cookie\.offset must be a number/],
    [{ enable: 1n }, /^cookie\.enable must be an object/],
    [{ enable: { offset: '8', bits: 1 } }, /^cookie\.enable\.offset must be a number/],
    [{ enable: { offset: 8, bits: 1n } }, /^cookie\.enable\.bits must be a number/],
  ];
  for (const [part, message] of wrong) {
    const field = { ...POINTER, ...part };
    t.throws(() => domainWith(layoutWith(field)), { instanceOf: TypeError, message });
  }
});
