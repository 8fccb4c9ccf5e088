import test from 'ava';
import { RecordedChanges } from '../../lib/run/changes.js';
import { Session } from '../../lib/run/session.js';
import { runLine } from '../../lib/run/run.js';
import { openConnection } from 'vfio/mock';
import { answers } from './lines.js';

const EDU = 'mock:edu';
const buffer = { op: 'buffer', name: 'b', size: 4096 };
const inferred = true;

function write(offset: number, data: string) {
  return { op: 'buffer_write', name: 'b', offset, data, inferred, answer: { ok: true } };
}

function deviceWrote(offset: number, data: string) {
  const length = data.length / 2;
  return { op: 'buffer_read', name: 'b', offset, length, inferred, answer: { ok: true, data } };
}

/** A write that the test makes in place of the device. */
function asDevice(offset: number, data: string) {
  return { op: 'buffer_write', name: 'b', offset, data };
}

function read(offset: number, length: number) {
  return { op: 'buffer_read', name: 'b', offset, length };
}

test('an inferred change of the program is written', async (t) => {
  const replies = await answers(EDU, [buffer, write(4, '0102030405060708'), read(0, 16)]);
  t.deepEqual(replies[1], { ok: true });
  t.is(replies[2]?.data, '00000000010203040506070800000000');
});

test('a word that the device changes later in the record is never written', async (t) => {
  const replies = await answers(EDU, [
    buffer,
    write(0, '0100000002000000'),
    read(0, 8),
    deviceWrote(4, '03000000'),
  ]);
  t.like(replies[1], { ok: false, code: 'ERR_OP', recorded: { ok: true } });
  t.regex(String(replies[1]?.message), /the device has not written bytes 0x4 to 0x7 of b/);
  t.is(replies[2]?.data, '0000000000000000');
});

test('if the device has written its words as recorded, the words of the program are written', async (t) => {
  const replies = await answers(EDU, [
    buffer,
    asDevice(4, '02000000'),
    write(0, '0100000002000000'),
    read(0, 8),
    deviceWrote(4, '02000000'),
  ]);
  t.deepEqual(replies[2], { ok: true });
  t.is(replies[3]?.data, '0100000002000000');
  t.false('recorded' in (replies[4] ?? {}));
});

test('bytes that the device wrote outside of the record are not overwritten', async (t) => {
  const lines = [write(0, '01000000'), write(8, '05000000'), write(0, '02000000'), read(0, 4)];
  const changes = new RecordedChanges();
  for (const line of [buffer, ...lines]) changes.scan(JSON.stringify(line));
  const session = new Session(await openConnection(`${EDU}#foreign`), changes);
  t.teardown(() => {
    session.close();
  });
  const run = (line: object) => runLine(session, JSON.stringify(line));
  await run(buffer);
  t.true((await run(write(0, '01000000'))).ok);
  new Uint8Array(session.getBuffer('b').buffer).set([9], 1);
  const refused = await run(write(0, '02000000'));
  t.like(refused, { ok: false, code: 'ERR_OP', recorded: { ok: true } });
  t.regex(String(refused.message), /the device wrote to bytes 0x0 to 0x3 of b/);
  t.is((await run(read(0, 4))).data, '01090000');
  // The device already wrote the recorded value.
  new Uint8Array(session.getBuffer('b').buffer).set([5], 8);
  t.true((await run(write(8, '05000000'))).ok);
});

const RING = [
  buffer,
  { op: 'dma_map', buffer: 'b', buffer_offset: 0, iova: 0x10000, size: 4096, flags: 3 },
  { op: 'mmio_write', region: 0, offset: 0x80, width: 8, value: 0x10000 },
];
/** The device writes an entry of a ring, then the index of the ring. */
const ENTRIES = [1, 2, 3, 4, 5].flatMap((n) => [
  deviceWrote(0, `0000${Buffer.of(n, 0).toString('hex')}`),
  deviceWrote(4 * n, Buffer.of(n * 7, 0, 0, 0).toString('hex')),
  { op: 'info' },
]);

for (const { index, isAccepted } of [
  { index: '01', isAccepted: true },
  { index: '05', isAccepted: true },
  { index: '00', isAccepted: false },
  { index: '06', isAccepted: false },
]) {
  test(`an index in a ring can be larger than recorded, but not larger than ever recorded: ${index}`, async (t) => {
    const first = RING.length + 1;
    const script = [...RING, asDevice(0, `0000${index}00`), ...ENTRIES];
    const replies = await answers(EDU, script, first + 2);
    t.is('recorded' in (replies[first] ?? {}), !isAccepted);
    t.true('recorded' in (replies[first + 1] ?? {}), 'an entry is not an index');
  });
}

test('in memory that is not a ring, every value is compared exactly', async (t) => {
  const replies = await answers(EDU, [buffer, asDevice(0, '00000200'), ...ENTRIES.slice(0, 1)]);
  t.true('recorded' in (replies[2] ?? {}));
});

function refusalOf(...lines: readonly unknown[]): string | null {
  const changes = new RecordedChanges();
  for (const line of lines) changes.scan(JSON.stringify(line));
  return changes.refusal;
}

test('a record without interrupts is refused if the writer of a change is unknown', (t) => {
  t.regex(
    String(refusalOf(buffer, write(0, '01000000'))),
    /^line 2: the device could have made this change of b: /,
  );
  const interrupt = { op: 'eventfd_read', name: 'e1', answer: { ok: true, value: '1+' } };
  t.is(refusalOf(buffer, write(0, '01000000'), interrupt), null);
  t.is(refusalOf(buffer, { ...write(0, '01000000'), inferred: undefined }), null);
});

test('a record that was not scanned before gives ERR_OP', async (t) => {
  const session = new Session(await openConnection(`${EDU}#stream`));
  t.teardown(() => {
    session.close();
  });
  await runLine(session, JSON.stringify(buffer));
  const reply = await runLine(session, JSON.stringify(write(0, '01000000')));
  t.like(reply, { ok: false, code: 'ERR_OP', recorded: { ok: true } });
  t.regex(String(reply.message), /the record must be a file/);
});

test('lines that are wrong do not end the scan', async (t) => {
  const wrong = [
    'null',
    '[]',
    '{',
    { ...buffer, name: 'huge', size: 2 ** 52 },
    { ...write(0, '01000000'), name: 'huge' },
    { ...write(2 ** 40, '01000000') },
    write(2, '01000000'),
    write(0, '01'),
    { ...write(0, '01000000'), inferred: 1 },
    { ...deviceWrote(0, '01000000'), answer: {} },
  ];
  const replies = await answers(EDU, [buffer, ...wrong, { op: 'info' }]);
  for (const [i, reply] of replies.slice(1, -2).entries()) {
    t.false(reply.ok, JSON.stringify(wrong[i]));
  }
  t.true(replies.at(-1)?.ok);
});
