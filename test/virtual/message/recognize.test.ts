import test from 'ava';
import { type MsiGuest, recognizeMsi, VirtualMsi } from 'vfio/mock';

const CONTROL = 2;
const ADDRESS = 0xfee0_1000n;

test('recognizeMsi() takes a VirtualMsi, and follows its message and its Enable bit', (t) => {
  const msi = new VirtualMsi({ vectors: 8 });
  const recognize = recognizeMsi(msi);
  msi.configWrite(4, 4, Number(ADDRESS));
  msi.configWrite(12, 2, 0x4040);
  const at = (data: number, address = ADDRESS) => recognize({ address, data });
  t.is(at(0x4040), null, 'MSI is disabled');
  msi.configWrite(CONTROL, 2, 0x21);
  t.deepEqual(at(0x4043), { index: 'msi', vector: 3 });
  t.is(at(0x4044), null, 'the guest has enabled 4 vectors');
  t.is(at(0x403f), null);
  t.is(at(0x4040, ADDRESS + 4n), null);
  msi.configWrite(12, 2, 0x5043);
  t.deepEqual(at(0x5040), { index: 'msi', vector: 0 }, 'the device replaces the low bits');
  msi.configWrite(CONTROL, 2, 0x20);
  t.is(at(0x5040), null);
});

test('recognizeMsi() refuses arguments of a wrong type', (t) => {
  const message = () => ({ address: ADDRESS, data: 0 });
  for (const guest of [null, 5, {}, { guestMessage: 5 }]) {
    t.throws(() => recognizeMsi(guest as unknown as MsiGuest), { instanceOf: TypeError });
  }
  t.throws(() => recognizeMsi(message, '4' as never), { instanceOf: TypeError });
  t.throws(() => recognizeMsi(message, 33), { instanceOf: RangeError });
});
