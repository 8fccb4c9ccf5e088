// Tests the library with the page sizes of arm64 on every machine. Each test runs a child process, in
// which the auxiliary vector of the kernel names another page size.
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { FULL } from '../full.js';

const lib = (path: string) => new URL(`../../lib/${path}`, import.meta.url).href;

/** Runs a program with a page size. @returns the value that the program assigns to `result` */
function run(pageSize: number, program: string): unknown {
  const source = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { readFileSync } = fs;
    // AT_HWCAP, AT_PAGESZ and the end of the vector.
    const auxv = BigUint64Array.of(16n, 6n, 6n, ${pageSize}n, 0n, 0n);
    fs.readFileSync = (path, ...rest) =>
      path === '/proc/self/auxv' ? Buffer.from(auxv.buffer) : readFileSync(path, ...rest);
    syncBuiltinESMExports();
    const { openDevice } = await import('${lib('index.js')}');
    const failure = (call) => { try { call(); } catch (error) { return error.message; } };
    let result;
    ${program}
    console.log(JSON.stringify(result));`;
  const args = ['--input-type=module', '-e', source];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

// The lab has guests whose kernels use pages of 4 KiB and of 16 KiB.
for (const size of FULL ? [4096, 16_384, 65_536] : [65_536]) {
  test(`with pages of ${size} bytes, DMA memory has whole pages`, (t) => {
    const seen = run(
      size,
      `const device = await openDevice('mock:nvme');
       const buffer = await device.dma.allocate(1);
       const next = await device.dma.allocate(4097);
       const pool = device.dma.createPool(${size}, { align: ${size} });
       const pieces = [pool.allocate(), pool.allocate()];
       result = {
         pageSize: device.dma.pageSize,
         sizes: [buffer.size, next.size],
         distance: Number(next.iova - buffer.iova) % ${size},
         pieces: pieces.map(({ iova }) => Number(iova % ${size}n)),
         wrong: failure(() => device.dma.allocateSync(1, { iova: ${size / 2}n })),
       };
       device.close();`,
    );
    t.deepEqual(seen, {
      pageSize: size,
      sizes: [size, Math.ceil(4097 / size) * size],
      distance: 0,
      pieces: [0, 0],
      wrong: `iova 0x${(size / 2).toString(16)} is not a multiple of ${size}`,
    });
  });

  test(`with pages of ${size} bytes, a window has whole pages`, (t) => {
    const seen = run(
      size,
      `const device = await openDevice('mock:edu');
       device.config.update('command', { memory: 1 });
       const part = device.bar(0).map({ offset: 0, length: ${size} });
       result = {
         part: part.size,
         whole: device.bar(0).map().size,
         id: part.read32(0),
         wrong: failure(() => device.bar(0).map({ offset: ${size / 2}, length: ${size} })),
       };
       device.close();`,
    ) as { wrong: string };
    t.like(seen, { part: size, whole: 2 ** 20, id: 0x0100_00ed });
    t.regex(seen.wrong, new RegExp(`must be multiples of the page size, ${size}$`));
  });

  test(`with pages of ${size} bytes, the demos of nvme, edu, dsa and wlan succeed`, (t) => {
    const seen = run(
      size,
      `const { findDemo } = await import('${lib('demo/index.js')}');
       result = {};
       for (const name of ['nvme', 'edu', 'dsa', 'wlan']) {
         const device = await openDevice('mock:' + name);
         result[name] = (await (await findDemo(device))(device)).ok;
         device.close();
       }`,
    );
    t.deepEqual(seen, { nvme: true, edu: true, dsa: true, wlan: true });
  });
}
