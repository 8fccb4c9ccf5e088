import { openSync, truncateSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { native, type NativeWindow } from '../../lib/native/binding.js';
import { mappingAt, runChild, runWorker, temporaryFile } from './helpers.js';

const calls = native();
const PAGE = 4096;
const ONES = 0xffff_ffff;

/** A file in the place of a BAR: cut short, it is a device whose memory is gone. */
class Bar {
  readonly path = temporaryFile(2 * PAGE);
  readonly #fd = calls.open(this.path, true);
  readonly window: NativeWindow = calls.mapRegion(this.#fd, 0, 2 * PAGE, true);
  readonly registers = new Uint32Array(this.window.buffer);
  readonly #lost = new Int32Array(this.window.lost);

  get lost(): number | undefined {
    return this.#lost[0];
  }

  leave(): void {
    truncateSync(this.path, 0);
  }

  return(): void {
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

test('a read and a write by compiled JavaScript end well, and are told of', (t) => {
  const bar = new Bar();
  const { registers } = bar;
  t.is(bar.lost, 0);
  bar.leave();
  t.is(Atomics.load(registers, 3), ONES);
  t.is(bar.lost, 1);
  bar.return();
  t.is(bar.read(3), 0);
  t.is(bar.lost, 0);
  bar.leave();
  registers[3] = 5;
  t.is(bar.lost, 1);
  t.is(bar.read(3), ONES);
  bar.return();
  registers[3] = 0;
  t.is(bar.read(3), 0);
  bar.close();
});

test('a child process does not inherit the registers, also not once they were gone', (t) => {
  const bar = new Bar();
  const address = calls.addressOf(new Uint8Array(bar.window.buffer));
  t.regex(mappingAt(address), /^VmFlags:.* dc( |$)/m);
  bar.leave();
  bar.read(0);
  bar.return();
  bar.read(0);
  t.regex(mappingAt(address), /^VmFlags:.* dc( |$)/m);
  t.is(mappingAt(address).split('\n')[0], mappingAt(address + BigInt(PAGE)).split('\n')[0]);
  bar.close();
});

test('the window keeps its file open, to map it again', (t) => {
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

/** A window of a file that has just become too short, and memory of another that has, too. */
const GONE = `
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

test('a fault elsewhere ends the process', async (t) => {
  const outcome = await runChild(`
    const native = await load();
    ${GONE}
    output(registers[0]);
    output(memory[0]);`);
  t.deepEqual(outcome, { code: null, signal: 'SIGBUS', output: '255\n' });
});

test('a listener for SIGBUS that was there before hears what is sent', async (t) => {
  const outcome = await runChild(`
    const native = await load();
    const sent = new Promise((resolve) => process.once('SIGBUS', resolve));
    const alive = setInterval(() => undefined, 1000);
    ${GONE}
    output(registers[0]);
    process.kill(process.pid, 'SIGBUS');
    output(await sent);
    clearInterval(alive);`);
  t.deepEqual(outcome, { code: 0, signal: null, output: '255\nSIGBUS\n' });
});

test('the handler outlives the worker that loaded the addon', async (t) => {
  const program = `
    ${GONE}
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
