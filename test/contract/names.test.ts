import test from 'ava';
import { formatAddress, parseAddress } from '../../lib/contract/names.js';

test('parseAddress adds the domain and returns lower case', (t) => {
  t.is(parseAddress('0000:01:00.0'), '0000:01:00.0');
  t.is(parseAddress('01:00.0'), '0000:01:00.0');
  t.is(parseAddress('10000:E1:1f.7'), '10000:e1:1f.7');
});

test('parseAddress returns null for a name that is not a PCI address', (t) => {
  const others = ['', 'mock:nvme', '01:00', '01:00.8', '01:20.0', '0000:01:00.0 ', '1:0.0'];
  for (const name of [...others, '0000:01:00.00', 'a:0000:01:00.0']) {
    t.is(parseAddress(name), null, name);
  }
});

test('formatAddress formats an address like the kernel', (t) => {
  t.is(formatAddress(0, 3, 0), '0000:03:00.0');
  t.is(formatAddress(0x10000, 0xe1, 0xff), '10000:e1:1f.7');
});
