import test from 'ava';
import { hexdump } from '../../lib/mock.js';

test('hexdump() formats bytes as hexdump -C does', (t) => {
  const bytes = new Uint8Array(85);
  bytes.set(Buffer.from('NVMe \x7f\xff|', 'latin1'), 2);
  t.is(
    hexdump(bytes),
    [
      '00000000  00 00 4e 56 4d 65 20 7f  ff 7c 00 00 00 00 00 00  |..NVMe ..|......|',
      '00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|',
      '*',
      '00000050  00 00 00 00 00                                    |.....|',
      '00000055',
    ].join('\n'),
  );
  t.is(
    hexdump({ bytes: bytes.subarray(80) }),
    '00000000  00 00 00 00 00                                    |.....|\n00000005',
  );
  t.is(hexdump(new Uint8Array(0)), '00000000');
  t.throws(() => hexdump('bytes' as never), { instanceOf: TypeError });
});
