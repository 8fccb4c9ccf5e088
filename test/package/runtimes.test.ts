import test from 'ava';
import { Consumer, tarball } from './consumer.js';

/** A driver of mock:edu that uses registers, an interrupt and DMA memory. */
const MOCK = `
import { openDevice } from 'vfio/mock';
const device = await openDevice('mock:edu');
device.config.update('command', { memory: 1, bus_master: 1 });
const registers = device.bar(0).map();
const vector = device.interrupts.msi.request(0);
const finished = vector.next();
registers.write32(0x20, 0x80);
registers.write32(0x08, 5);
await finished;
const buffer = await device.dma.allocate(4096);
console.log(registers.read32(0x08), buffer.iova % 4096n);
device.close();`;
const REAL = `
import { createEventfd, openDevice } from 'vfio';
(await openDevice('mock:nvme')).close();
await openDevice('0000:00:03.0').catch(({ code }) => console.log(code));
try {
  createEventfd();
} catch ({ message }) {
  console.log(message);
}`;

for (const [name, source, program, ...args] of [
  ['Bun', '@oven/bun-linux-x64@1.4.5', '@oven/bun-linux-x64/bin/bun'],
  ['Deno', '@deno/linux-x64-glibc@2.9.6', '@deno/linux-x64-glibc/deno', 'run', '-A'],
] as const) {
  test(`the mock works on ${name}, and a real device needs Node.js`, async (t) => {
    const project = new Consumer(true);
    try {
      project.write('mock.mjs', MOCK);
      project.write('real.mjs', REAL);
      await project.install(tarball, source);
      const runtime = project.path(`node_modules/${program}`);
      t.is((await project.run(runtime, ...args, 'mock.mjs')).stdout, '120 0n\n');
      t.is(
        (await project.run(runtime, ...args, 'real.mjs')).stdout,
        `ENOTSUP\nENOTSUP: a real device or a vfio-user socket needs Node.js on Linux; this program runs on ${name}\n`,
      );
    } finally {
      project.remove();
    }
  });
}
