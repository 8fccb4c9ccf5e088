// Tests `vfio run` with random scripts. Every line must get an answer with a result or with an
// error.
import test from 'ava';
import { openConnection } from 'vfio/mock';
import fc from '../fast-check.js';
import { operations } from '../../lib/run/operations.js';
import { runLine } from '../../lib/run/run.js';
import { Session } from '../../lib/run/session.js';
import { fuzz, u32, u64 } from './inputs.js';

/** Lengths are limited, because a large read or a large allocation takes a long time. */
const LENGTHS = [0, 1, 2, 3, 4, 8, 64, 4096, 8192, 2 ** 53, -1];

const hex = (value: bigint | number) => `0x${value.toString(16)}`;
const name = fc.constantFrom('a', 'b', '', '__proto__', 'constructor');
const bytes = fc.uint8Array({ maxLength: 24 }).map((data) => Buffer.from(data).toString('hex'));
const odd = fc.constantFrom(null, true, 0.5, -1, 'x', '0x', '0xg', [], {}, 1e300, '0x1'.repeat(20));
const fields: Record<string, fc.Arbitrary<unknown>> = {
  length: fc.constantFrom(...LENGTHS),
  size: fc.constantFrom(...LENGTHS, hex(2n ** 64n - 4096n)),
  ms: fc.constantFrom(0, 1, -1, 2 ** 53, hex(2n ** 63n)),
  index: fc.oneof(fc.nat(6), u32),
  region: fc.oneof(fc.nat(10), u32),
  offset: fc.oneof(fc.nat(0x200), u64.map(hex)),
  buffer_offset: fc.oneof(fc.constantFrom(0, 4096), u64.map(hex)),
  iova: fc.oneof(fc.constantFrom(0x10000, 0x20000), u64.map(hex)),
  value: u64.map(hex),
  width: fc.constantFrom(1, 2, 4, 8, 3, 0, 16),
  flags: fc.oneof(fc.integer({ min: 0, max: 63 }), u32),
  start: fc.oneof(fc.nat(70), u32),
  count: fc.oneof(fc.nat(5), u32),
  argsz: fc.oneof(fc.nat(64), u32),
  name,
  buffer: name,
  data: fc.oneof(bytes, fc.constant('0')),
  fds: fc.array(fc.oneof(name, fc.constant(null), fc.integer()), { maxLength: 4 }),
  bools: fc.array(fc.oneof(fc.nat(255), fc.integer()), { maxLength: 4 }),
};

/** An operation with random fields. A field can be missing, unknown or of a wrong type. */
const line = fc
  .constantFrom(...Object.entries(operations))
  .chain(([op, operation]) => {
    const usual = Object.fromEntries(
      operation.fields.map((field) => [field, fields[field] ?? fc.anything()]),
    );
    const record = fc.record(usual, { requiredKeys: operation.fields.slice(0, 3) });
    return fc.tuple(fc.constant(op), record, fc.option(odd, { freq: 8 }), fc.nat(20));
  })
  .map(([op, record, wrong, at]) => {
    const key = Object.keys(record)[at];
    const changed = wrong === null || key === undefined ? record : { ...record, [key]: wrong };
    return JSON.stringify({ op, ...changed });
  });
const script = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: line },
    { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
    { weight: 1, arbitrary: fc.string() },
  ),
  { minLength: 1, maxLength: 12 },
);

let devices = 0;

test('`vfio run` answers every line of a random script with a result or a known error', async (t) => {
  const codes = new Map<string, number>();
  await fuzz(t, 100, fc.tuple(fc.constantFrom('mock:edu', 'mock:nvme'), script), async (input) => {
    const [device, lines] = input;
    const session = new Session(await openConnection(`${device}#fuzz${++devices}`));
    try {
      for (const text of lines) {
        const { ok, code, message } = await runLine(session, text);
        if (ok) codes.set('ok', (codes.get('ok') ?? 0) + 1);
        else if (!/^(ERR_OP|E[A-Z0-9]+)$/.test(String(code))) throw new Error(String(code));
        else if (code === 'ERR_OP' && typeof message !== 'string') throw new Error('no message');
        else codes.set(String(code), (codes.get(String(code)) ?? 0) + 1);
      }
    } finally {
      session.close();
    }
  });
  t.log([...codes].map(([code, count]) => `${code} ${count}`).join(', '));
  t.true((codes.get('ok') ?? 0) > 0);
});
