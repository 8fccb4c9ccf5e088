import { openSync, truncateSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { native, type NativeWindow } from '../../lib/native/binding.js';
import { mappingAt, runChild, runWorker, temporaryFile } from './helpers.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const calls = native();
const ONES = 0xffff_ffff;

/** A file that stands for a BAR. A truncated file stands for a device that does not respond. */
class Bar {
  readonly path = temporaryFile(2 * PAGE);
  readonly #fd = calls.open(this.path, true);
  readonly window: NativeWindow = calls.mapRegion(this.#fd, 0, 2 * PAGE, true);
  readonly registers = new Uint32Array(this.window.buffer);
  readonly #lost = new Int32Array(this.window.lost);

  get lost(): number | undefined {
    return this.#lost[0];
  }

  lose(): void {
    truncateSync(this.path, 0);
  }

  restore(): void {
    truncateSync(this.path, 2 * PAGE);
  }

  read(register: number): number | undefined {
    const bytes = new Uint32Array(1);
    calls.readBlock(this.window.handle, register * 4, new Uint8Array(bytes.buffer), 4);
    return bytes[0];
  }

  close(): void {
    calls.unmapRegion(this.window.handle, this.window.buffer);
    calls.close(this.#fd);
  }
}

test('a read or a write that faults, because the device is lost, sets `lost`', (t) => {
  const bar = new Bar();
  const { registers } = bar;
  t.is(bar.lost, 0);
  bar.lose();
  t.is(Atomics.load(registers, 3), ONES);
  t.is(bar.lost, 1);
  bar.restore();
  t.is(bar.read(3), 0);
  t.is(bar.lost, 0);
  bar.lose();
  registers[3] = 5;
  t.is(bar.lost, 1);
  t.is(bar.read(3), ONES);
  bar.restore();
  registers[3] = 0;
  t.is(bar.read(3), 0);
  bar.close();
});

test('after the device was lost, a forked process still does not inherit the window', (t) => {
  const bar = new Bar();
  const address = calls.addressOf(new Uint8Array(bar.window.buffer));
  t.regex(mappingAt(address), /^VmFlags:.* dc( |$)/m);
  bar.lose();
  bar.read(0);
  bar.restore();
  bar.read(0);
  t.regex(mappingAt(address), /^VmFlags:.* dc( |$)/m);
  t.is(mappingAt(address).split('\n')[0], mappingAt(address + BigInt(PAGE)).split('\n')[0]);
  bar.close();
});

test('a window keeps its file open, and maps the file again when the device responds again', (t) => {
  const path = temporaryFile(PAGE);
  const fd = openSync(path, 'r+');
  const own = calls.duplicate(fd);
  const window = calls.mapRegion(own, 0, PAGE, true);
  calls.close(own);
  truncateSync(path, 0);
  const bytes = new Uint8Array(4);
  calls.readBlock(window.handle, 0, bytes, 4);
  t.deepEqual([...bytes], [255, 255, 255, 255]);
  writeFileSync(path, new Uint8Array(PAGE).fill(3));
  calls.readBlock(window.handle, 0, bytes, 4);
  t.deepEqual([...bytes], [3, 3, 3, 3]);
  calls.unmapRegion(window.handle, window.buffer);
});

/** Creates a window of a truncated file, and memory of another truncated file. */
const TRUNCATED = `
  const { mkdtempSync, rmSync, truncateSync, writeFileSync } = await import('node:fs');
  const folder = mkdtempSync('/tmp/vfio-test-');
  const map = (name, how) => {
    writeFileSync(folder + '/' + name, new Uint8Array(4096));
    const mapped = how(native.open(folder + '/' + name, true));
    truncateSync(folder + '/' + name, 0);
    return new Uint8Array(mapped.buffer);
  };
  const registers = map('bar', (fd) => native.mapRegion(fd, 0, 4096, true));
  const memory = map('memory', (fd) => native.memoryMapFd(fd, 0, 4096, true));
  rmSync(folder, { recursive: true });
`;

test('a bus error outside of a window ends the process', async (t) => {
  const outcome = await runChild(`
    const native = await load();
    ${TRUNCATED}
    output(registers[0]);
    output(memory[0]);`);
  t.deepEqual(outcome, { code: null, signal: 'SIGBUS', output: '255\n' });
});

test('a SIGBUS that a process sends is delivered to the listener that was installed earlier', async (t) => {
  const outcome = await runChild(`
    const native = await load();
    const sent = new Promise((resolve) => process.once('SIGBUS', resolve));
    const alive = setInterval(() => undefined, 1000);
    ${TRUNCATED}
    output(registers[0]);
    process.kill(process.pid, 'SIGBUS');
    output(await sent);
    clearInterval(alive);`);
  t.deepEqual(outcome, { code: 0, signal: null, output: '255\nSIGBUS\n' });
});

test('the SIGBUS handler stays installed after the end of the worker that loaded the addon', async (t) => {
  const program = `
    ${TRUNCATED}
    post([registers[0], registers[1]].join());`;
  const main = `
    for (let round = 0; round < 2; round++) {
      start();
      output(await next());
      await worker.terminate();
    }
    process.kill(process.pid, 'SIGBUS');`;
  const outcome = await runWorker(program, main);
  t.deepEqual(outcome, { code: null, signal: 'SIGBUS', output: '255,255\n255,255\n' });
});
