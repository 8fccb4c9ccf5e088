import test from 'ava';
import fc from '../fast-check.js';
import { listConfig, type VpdReader } from '../../lib/pci/listing/index.js';
import { image, list } from './image.js';
import { parseLspci } from './lspci/parse.js';
import { askLspciOfVpd } from './lspci/dump.js';

const CONFIG = image(256, ...list(0x50), [0x50, [0x03, 0x00]]);

const reader =
  (vpd: Uint8Array): VpdReader =>
  (address, length) =>
    address + length > vpd.length ? null : vpd.subarray(address, address + length);

const listed = (vpd: Uint8Array) => listConfig(CONFIG, reader(vpd)).capabilities[0]?.lines ?? [];

const large = (tag: number, body: Uint8Array) =>
  Uint8Array.of(tag, body.length & 0xff, body.length >> 8, ...body);
const field = (keyword: string, bytes: Uint8Array) =>
  Uint8Array.of(keyword.charCodeAt(0), keyword.charCodeAt(1), bytes.length, ...bytes);
const join = (...parts: readonly Uint8Array[]) =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Appends a checksum byte that makes the sum of all bytes zero. */
function withChecksum(name: string, fields: Uint8Array, spare: number): Uint8Array {
  const reserved = field('RV', new Uint8Array(1 + spare));
  const all = join(large(0x82, ascii(name)), large(0x90, join(fields, reserved)));
  const at = all.length - 1 - spare;
  all[at] = -all.subarray(0, at).reduce((sum, byte) => sum + byte, 0) & 0xff;
  return all;
}

const CARD = join(
  withChecksum(
    'Card \\ x\x01',
    join(field('PN', ascii('P-1')), field('V0', ascii('abc')), field('CP', Uint8Array.of(1, 2))),
    2,
  ),
  large(
    0x91,
    join(
      field('YA', ascii('tag')),
      field('QQ', Uint8Array.of(0xab)),
      field('RW', new Uint8Array(7)),
    ),
  ),
  Uint8Array.of(0x78),
);

test('the listing of vital product data equals the output of lspci', (t) => {
  t.deepEqual(listed(CARD), [
    String.raw`Product Name: Card \\ x\x01`,
    'Read-only fields:',
    '  [PN] Part number: P-1',
    '  [V0] Vendor specific: abc',
    '  [CP] Extended capability: 01 02',
    '  [RV] Reserved: checksum good, 2 byte(s) reserved',
    'Read/write fields:',
    '  [YA] Asset tag: tag',
    '  [QQ] Unknown: ab',
    '  [RW] Read-write area: 7 byte(s) free',
    'End',
  ]);
});

test('the listing of damaged vital product data ends with a message', (t) => {
  const wrong = CARD.slice();
  wrong[4] = 0x40;
  t.true(listed(wrong).includes('  [RV] Reserved: checksum bad, 2 byte(s) reserved'));
  t.deepEqual(listed(new Uint8Array(0)), ['Not readable']);
  t.deepEqual(listed(new Uint8Array(64)), [
    'Unknown small resource type 00, will not decode more.',
  ]);
  t.is(listed(CARD.subarray(0, CARD.length - 1)).at(-1), 'No end tag found');
  t.deepEqual(listed(Uint8Array.of(0x31, 0, 0x78)), [
    'Unknown small resource type 06, will not decode more.',
  ]);
});

test('the listing of vital product data escapes control characters', (t) => {
  const name = large(0x82, Uint8Array.of(0x1b, 0x5b, 0x9b, 0xe4));
  t.is(listed(name)[0], String.raw`Product Name: \x1b[\x9bä`);
});

test('the listing of random bytes as vital product data does not throw', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => listed(bytes).length > 0),
    { numRuns: 300 },
  );
  t.pass();
});

const printable = (maxLength: number) =>
  fc.uint8Array({ maxLength, max: 0x7f }).map((bytes) => bytes.filter((byte) => byte !== 0x20));
const keyword = fc.oneof(
  fc.constantFrom('PN', 'EC', 'MN', 'SN', 'CP', 'RV', 'RW', 'YA', 'NA', 'FN', 'V1', 'Z0', 'Y2'),
  fc.stringMatching(/^[A-Z][A-Z0-9]$/),
);
const fields = fc
  .array(fc.tuple(keyword, printable(12)), { maxLength: 5 })
  // lspci reads past the end of a checksum field of length 0.
  .map((all) =>
    all.map(([name, bytes]) => field(name, name === 'RV' ? join(bytes, Uint8Array.of(0)) : bytes)),
  )
  .map((all) => join(...all));
const resource = fc.oneof(
  printable(40).map((bytes) => large(0x82, bytes)),
  fc.tuple(fc.constantFrom(0x90, 0x91), fields).map(([tag, body]) => large(tag, body)),
  fc
    .tuple(fc.integer({ min: 0x92, max: 0x9f }), printable(9))
    .map(([tag, body]) => large(tag, body)),
);
const product = fc
  .tuple(fc.array(resource, { maxLength: 4 }), fc.constantFrom([0x78], [0x79, 0x55], []), fc.nat(8))
  .map(([all, end, cut]) =>
    join(...all, Uint8Array.from(end)).subarray(0, cut > 6 ? cut : undefined),
  );

const withLspci = askLspciOfVpd(CONFIG, CARD) === null ? test.skip : test;

withLspci('the listing of generated vital product data agrees with lspci', (t) => {
  const plain = (lines: readonly string[]) =>
    lines.map((line) => line.replace(/\s+/g, ' ').trim()).filter((line) => line !== '');
  fc.assert(
    fc.property(product, (vpd) => {
      const theirs = parseLspci(askLspciOfVpd(CONFIG, vpd) ?? '').capabilities[0]?.lines ?? [];
      const [mine, other] = [plain(listed(vpd)), plain(theirs)];
      if (JSON.stringify(mine) !== JSON.stringify(other)) {
        throw new Error(`${mine.join('\n')}\n--- lspci\n${other.join('\n')}`);
      }
    }),
    { numRuns: 40 },
  );
  t.pass();
});
