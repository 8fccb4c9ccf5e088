import test from 'ava';
import { formatResult } from '../../lib/cli/repl/writer.js';
import { vfio } from './vfio.js';

const format = (value: unknown) => formatResult(value, false);

test('the prompt shows integers above 9 in hex, also in plain objects and arrays', (t) => {
  t.deepEqual([9, 10, 4096n, -16, 0.5, NaN, 2 ** 53].map(format), [
    '9',
    '0xa',
    '0x1000n',
    '-0x10',
    '0.5',
    'NaN',
    '0x20000000000000',
  ]);
  t.is(
    format({ a: 255, b: [16, 1n, 's'], c: { d: 17n } }),
    "{ a: 0xff, b: [ 0x10, 1n, 's' ], c: { d: 0x11n } }",
  );
  let calls = 0;
  const accessor = Object.defineProperty({}, 'x', { get: () => calls++, enumerable: true });
  t.is(format(accessor), '{ x: [Getter] }');
  t.is(calls, 0);
  t.is(format('16'), "'16'");
});

test('the prompt has help, dump and watch', async (t) => {
  const script = `help
bar0.read32(0)
dump(bar0, 0, 8)
dump(Uint8Array.of(1, 2))
({ size: 4096 })
device.config.update('command', { memory: 1 })
bar0.write32(4, 1)
await watch(bar0, 4, { seconds: 0.05, interval: 0.01 })
await watch(bar0, 4, { width: 3 })
bar0
`;
  const { code, stdout } = await vfio(['repl', 'mock:edu'], script);
  t.is(code, 0);
  for (const text of [
    'dump(bar0, 0, 64)',
    '\n0x10000ed\n',
    '\n00000000  010000ed 00000000\n',
    '00000000  01 02 ',
    '{ size: 0x1000 }',
    ' s  fffffffe\n',
    'width must be 1, 2, 4 or 8, not 3',
    'RegisterWindow { size: 0x100000, lost: false }',
  ]) {
    t.true(stdout.includes(text), `${text} in ${stdout}`);
  }
});
