import test from 'ava';
import { answer } from './lines.js';

const readBars = { op: 'read', region: 7, offset: 0x0e, length: 8 };

test('addresses of BARs in configuration space are not compared, but their types are compared', async (t) => {
  const { data } = await answer('mock:edu', readBars);
  const bytes = Buffer.from(String(data), 'hex');
  const changed = (index: number, bits: number): string => {
    const copy = Buffer.from(bytes);
    copy[index] = (copy[index] ?? 0) ^ bits;
    return copy.toString('hex');
  };
  const isDifferent = async (recorded: string) =>
    'recorded' in (await answer('mock:edu', { ...readBars, answer: { ok: true, data: recorded } }));
  t.false(await isDifferent(bytes.toString('hex')));
  t.false(await isDifferent(changed(5, 0xff)));
  t.false(await isDifferent(changed(2, 0xf0)));
  t.true(await isDifferent(changed(2, 0x08)));
  t.true(await isDifferent(changed(0, 0x01)));
});
