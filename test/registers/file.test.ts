// Tests register files. The JSON Schema, which editors use, accepts each file that the reader accepts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import test from 'ava';
import fc from '../fast-check.js';
import { VfioError } from '../../lib/errors.js';
import { defineRegisters, layoutsOf } from '../../lib/registers/map.js';
import { parseRegisterFile, readRegisterFile } from '../../lib/registers/file.js';
import type { RegisterLayout } from '../../lib/registers/layout.js';
import { fuzz } from '../fuzz/inputs.js';
import { root } from '../rooms.js';

const schema = JSON.parse(
  readFileSync(join(root, 'assets/registers.schema.json'), 'utf8'),
) as object;
const isValid = new Ajv({ strictTypes: false }).compile(schema);
const parse = (file: unknown) => parseRegisterFile(JSON.stringify(file), 'card.json');
const withRegister = (cc: unknown) => ({ regions: { bar0: { cc } } });

test('a file contains the definitions of each region, with hexadecimal numbers', (t) => {
  const file = parse({
    $schema: 'any',
    regions: {
      bar0: {
        cc: { offset: '0x14', width: 4, fields: { en: 0, mps: { bits: [10, 7], access: 'ro' } } },
        base: { offset: 0x28, width: 8, split: true, reset: '0xffffffffffffffff' },
      },
      bar2: { bell: { offset: '0x1000', width: 4, access: 'wo', count: 4, stride: '0x8' } },
    },
  });
  t.deepEqual([...file.keys()], ['bar0', 'bar2']);
  const [cc, base] = file.get('bar0') ?? [];
  t.like(cc, { name: 'cc', offset: 0x14, width: 4, reset: 0 });
  t.deepEqual((cc as RegisterLayout | undefined)?.fields.get('mps'), {
    name: 'mps',
    access: 'ro',
    lsb: 7,
    size: 4,
  });
  t.like(base, { split: true, reset: 2n ** 64n - 1n });
  t.like(file.get('bar2')?.[0], { offset: 0x1000, count: 4, stride: 8 });
});

test('the JSON of a register map is a region of a register file', (t) => {
  const map = defineRegisters('card', {
    cc: { offset: 0x14, width: 4, fields: { en: 0, mps: { bits: [10, 7], access: 'ro' } } },
    status: { offset: 0x18, width: 4, access: 'w1c', reset: 0x10 },
    base: { offset: 0x28, width: 8, split: true, reset: 0xffff_ffff_ffff_ffffn },
    bell: { offset: 0x1000, width: 4, access: 'wo', count: 4, stride: 8 },
    scratch: { offset: 0x30, width: 2, count: 3 },
    port: {
      offset: 0x100,
      count: 32,
      stride: 0x80,
      registers: {
        cmd: { offset: 0x18, width: 4, fields: { st: 0 } },
        status: { offset: 0x20, registers: { error: { offset: 4, width: 4 } } },
      },
    },
  });
  const file: unknown = JSON.parse(JSON.stringify({ regions: { bar0: map } }));
  t.true(isValid(file), JSON.stringify(isValid.errors));
  t.deepEqual(parse(file).get('bar0'), layoutsOf(map));
  t.deepEqual(map.toJSON().cc, {
    offset: '0x14',
    width: 4,
    fields: { en: 0, mps: { bits: [10, 7], access: 'ro' } },
  });
});

/** Wrong files that the schema also refuses, with the text of the error. */
const REFUSED: readonly (readonly [file: unknown, says: string])[] = [
  [[], 'regions: the value must be an object'],
  [{ regions: [] }, 'regions: the value must be an object, not an array'],
  [{ regions: { bar0: [] } }, 'regions.bar0: the value must be an object'],
  [withRegister({ offset: 0, registers: [] }), 'regions.bar0.cc: registers must be an object'],
  [
    withRegister({ offset: 0, width: 4, fields: [] }),
    'the fields of register cc must be an object',
  ],
  [{}, 'regions: the value must be an object'],
  [{ regions: {}, name: 'x' }, "the file: the file has no 'name'; known: $schema, regions"],
  [{ regions: { bar6: {} } }, "regions: regions has no 'bar6'"],
  [{ regions: { bar0: 1 } }, 'regions.bar0: the value must be an object'],
  [{ regions: { bar0: { '0x': { offset: 0, width: 4 } } } }, 'regions.bar0.0x: the name'],
  [withRegister(null), 'regions.bar0.cc: the value must be an object'],
  [withRegister({ width: 4 }), 'the offset of register cc must be a number, not undefined'],
  [withRegister({ offset: -4, width: 4 }), 'the offset of register cc must be an integer from 0'],
  [withRegister({ offset: '14', width: 4 }), 'offset must be an integer or hex, as "0x14", not 14'],
  [withRegister({ offset: 0.5, width: 4 }), 'offset must be an integer or hex'],
  [withRegister({ offset: 0, width: 3 }), 'the width of register cc must be one of 1, 2, 4, 8'],
  [withRegister({ offset: 0, width: 4, acces: 'ro' }), "register cc has no 'acces'"],
  [
    withRegister({ offset: 0, width: 4, access: 'w1t' }),
    'the access of register cc must be one of',
  ],
  [withRegister({ offset: 0, width: 4, stride: 8 }), 'register cc has a stride, but no count'],
  [withRegister({ offset: 0, width: 4, count: 0 }), 'the count of register cc must be an integer'],
  [withRegister({ offset: 0, width: 4, split: true }), 'only 8 can be split'],
  [withRegister({ offset: 0, width: 4, fields: { en: [1] } }), 'the least significant bit'],
  [withRegister({ offset: 0, width: 4, fields: { en: [2, 1, 0] } }), 'must be a bit or [msb, lsb]'],
  [
    withRegister({ offset: 0, width: 4, fields: { en: { bit: 1 } } }),
    "en of register cc has no 'bit'",
  ],
  [withRegister({ offset: 0, width: 4, fields: { en: 64 } }), 'from 0 to 31, not 64'],
  [withRegister({ offset: 0, registers: 1 }), 'regions.bar0.cc: registers must be an object'],
  [withRegister({ offset: 0, registers: {}, width: 4 }), "block cc has no 'width'"],
  [withRegister({ offset: 0, registers: {}, stride: 8 }), 'block cc has a stride, but no count'],
  [
    withRegister({ offset: 0, registers: { en: { offset: 'x', width: 4 } } }),
    'regions.bar0.cc.en: offset must be an integer or hex',
  ],
];

/** Wrong files whose error no JSON Schema can express. */
const REFUSED_BY_READER: readonly (readonly [file: unknown, says: string])[] = [
  [
    withRegister({ offset: '0x3', width: 4 }),
    'regions.bar0.cc: the offset of register cc, 3, is not',
  ],
  [
    withRegister({ offset: 0, width: 4, fields: { a: 0, b: [3, 0] } }),
    'fields a and b of register cc',
  ],
  [withRegister({ offset: 0, width: 4, fields: { a: [0, 3] } }), 'least significant bit'],
  [withRegister({ offset: 0, width: 2, fields: { a: 16 } }), 'from 0 to 15, not 16'],
  [withRegister({ offset: 0, width: 4, reset: '0x100000000' }), 'the reset value of register cc'],
  [
    withRegister({ offset: 2, registers: { en: { offset: 0, width: 4 } } }),
    'the offset of block cc, 2, is not a multiple of 4',
  ],
  [
    withRegister({ offset: 0, count: 2, stride: 4, registers: { en: { offset: 4, width: 4 } } }),
    'the stride of block cc must be an integer from 8',
  ],
];

test('a wrong file is refused with its name, the place in the file, and the limit', (t) => {
  for (const [file, says] of [...REFUSED, ...REFUSED_BY_READER]) {
    const error = t.throws<VfioError>(() => parse(file), { instanceOf: VfioError });
    t.true(error.message.includes(says), error.message);
    t.like(error, { code: 'EINVAL', path: 'card.json' });
  }
  t.throws(() => parseRegisterFile('{', 'card.json'), { message: /the file: .*JSON/ });
  t.throws(() => readRegisterFile('/nowhere.json'), { code: 'ENOENT' });
});

test('the schema refuses a file with a wrong structure', (t) => {
  for (const [file] of REFUSED) t.false(isValid(file), JSON.stringify(file));
  for (const [file] of REFUSED_BY_READER) t.true(isValid(file), JSON.stringify(file));
});

/** Numbers that are mostly valid. */
const number = fc.oneof(
  fc.nat({ max: 64 }).map((n) => 8 * n),
  fc.nat({ max: 64 }).map((n) => `0x${(8 * n).toString(16)}`),
  fc.constantFrom(-1, 1.5, 2 ** 40, '12', 'x', null),
);
const bit = fc.oneof(fc.nat({ max: 31 }), fc.constantFrom(-1, 63, 64, '1', 0.5));
const bits = fc.oneof(bit, fc.tuple(bit, bit), fc.array(bit, { maxLength: 3 }));
const access = fc.constantFrom('rw', 'ro', 'wo', 'w1c', 'w1s', 'rc');
const field = fc.oneof(bits, fc.record({ bits, access }, { requiredKeys: [] }));
const name = fc.constantFrom('en', '_a', 'cc2', '2', 'a-b', '');
const register = fc.record(
  {
    offset: number,
    width: fc.constantFrom(1, 2, 4, 8, 16),
    access,
    fields: fc.dictionary(name, field, { maxKeys: 2 }),
    count: fc.constantFrom(1, 4, 0, 2 ** 21),
    stride: number,
    split: fc.boolean(),
    reset: number,
    other: fc.constant(1),
  },
  { requiredKeys: ['offset', 'width'] },
);

test('the schema accepts each file that the reader accepts', async (t) => {
  let accepted = 0;
  const file = fc.record({
    regions: fc.dictionary(
      fc.constantFrom('bar0', 'config', 'bar7'),
      fc.dictionary(name, register, { maxKeys: 1 }),
      { maxKeys: 2 },
    ),
  });
  await fuzz(t, 1000, file, (one) => {
    try {
      parse(one);
    } catch (error) {
      t.true(error instanceof VfioError, String(error));
      return;
    }
    accepted++;
    if (!isValid(one)) throw new Error('the schema refuses the file');
  });
  t.true(accepted > 100, `${accepted}`);
});

test('the example file for NVMe is valid', (t) => {
  const path = join(root, 'examples/nvme.registers.json');
  t.true(readRegisterFile(path).has('bar0'));
  t.true(isValid(JSON.parse(readFileSync(path, 'utf8'))));
});
