// Tests the report of `vfio demo` about physical messages on several mock kernels.
import test from 'ava';
import { findDemo } from '../../lib/demo/index.js';
import { openDevice } from 'vfio';

async function demo(name: string) {
  await using device = await openDevice(name);
  const { ok, data, lines } = await (await findDemo(device))(device);
  return { ok, data, text: lines.map((line) => line.join(' ')).join('\n') };
}

for (const [name, kernel, writes] of [
  ['mock:wlan', 'mock 7.2', 100],
  ['mock:edu?kernel=6.12&novirt=on', 'mock 6.12', 10],
] as const) {
  test(`${name}: the vector delivers one interrupt for each message that the demo sends`, async (t) => {
    const { ok, data, text } = await demo(name);
    t.true(ok);
    const { physical, ...rest } = data;
    t.like(rest, {
      kernel,
      road: 'novirt',
      virtual: { address: '0xfee00000', data: 0x4041 },
      writes,
      fired: writes,
    });
    t.like(physical, { remapped: true });
    const { address } = physical as { address: string };
    t.regex(address, /^0xfee[0-9a-f]{5}$/);
    t.not(address, '0xfee00000');
    t.regex(
      text,
      /virtual 0xfee00000 \/ 0x4041\n.*0xfee.*by novirt.*\n.*sent (\d+) times.*fired \1 times/,
    );
  });
}

for (const [name, reason] of [
  ['mock:wlan?novirt=off', /DMA_BUF/],
  ['mock:edu', /DMA_BUF/],
  ['mock:edu?kernel=6.12', /neither the kernel nor the device/],
] as const) {
  test(`${name}: for an unreadable message, the demo reports the reason and passes`, async (t) => {
    const { ok, data, text } = await demo(name);
    t.true(ok);
    t.like(data, {
      road: null,
      virtual: { address: '0xfee00000', data: 0x4041 },
      physical: null,
      writes: 0,
      fired: 0,
    });
    t.regex(String(data.reason), reason);
    t.regex(text, reason);
  });
}
