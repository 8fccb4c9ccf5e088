// Tests register access through a mapping of the real vfio-pci while another thread disables the
// device's memory space.
import { readdirSync, readlinkSync } from 'node:fs';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { openDevice, type RegisterWindow } from 'vfio';

const NVME = process.env.VFIO_LAB_NVME ?? '';
const VERSION = 8;
const ADMIN_QUEUES = 0x24;
const ONES = 0xffff_ffff;
const ROUNDS = 50;

/** Finds the file descriptor of the VFIO device that this process has open. */
function deviceFd(): number {
  const isDevice = (fd: string) => {
    try {
      return /vfio-device|vfio\/devices\//.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  };
  return Number(readdirSync('/proc/self/fd').find(isDevice));
}

/** Writes two values alternately to a byte of configuration space, for a given number of rounds. */
const TOGGLE = `
  const { writeSync } = require('node:fs');
  const { workerData: { fd, offset, off, on, done } } = require('node:worker_threads');
  const CONFIG = 7 * 2 ** 40;
  const write = (byte) => {
    writeSync(fd, Uint8Array.of(byte), 0, 1, CONFIG + offset);
    Atomics.wait(done, 0, 0, Math.random() * 20);
  };
  for (let round = 0; round < ${ROUNDS}; round++) {
    write(off);
    write(on);
  }
  Atomics.store(done, 0, 1);`;

interface Seen {
  version: number;
  gone: number;
  other: number[];
}

/**
 * Reads and writes registers until a flag is set. The loop does not return to the event loop of
 * Node.
 */
function spin(window: RegisterWindow, version: number, done: Int32Array): Seen {
  const seen: Seen = { version: 0, gone: 0, other: [] };
  const block = new Uint32Array(1);
  const bytes = new Uint8Array(block.buffer);
  const count = (value: number) => {
    if (value === version) seen.version++;
    else if (value === ONES) seen.gone++;
    else seen.other.push(value);
  };
  while (Atomics.load(done, 0) === 0) {
    count(window.read32(VERSION));
    window.write32(ADMIN_QUEUES, 0x0007_0007);
    const queues = window.read32(ADMIN_QUEUES);
    if (queues !== 0x0007_0007 && queues !== ONES && queues !== 0) seen.other.push(queues);
    window.readBlock(VERSION, bytes, 4);
    count(block[0] ?? 0);
  }
  return seen;
}

async function underLoop(
  t: ExecutionContext,
  toggled: { offset: number; off: number; on: number },
) {
  const device = await openDevice(NVME);
  t.teardown(() => {
    device.close();
  });
  t.log(`${NVME} via ${device.via}`);
  using window = device.bar(0).map();
  let losses = 0;
  window.on('lost', () => losses++);
  const version = window.read32(VERSION);
  const done = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { fd: deviceFd(), ...toggled, done };
  const worker = new Worker(TOGGLE, { eval: true, workerData });
  const seen = spin(window, version, done);
  await once(worker, 'exit');
  t.log(`${seen.version} answers, ${seen.gone} all-ones, ${losses} losses`);
  t.deepEqual(seen.other, []);
  t.true(seen.version > 0);
  t.true(seen.gone > 0);
  t.true(losses > 0);
  t.is(window.read32(VERSION), version);
  t.false(window.lost);
}

test.serial('clearing Memory Space Enable does not crash a running register loop', async (t) => {
  await underLoop(t, { offset: 0x04, off: 0, on: 0x02 });
});

async function offsetOf(name: string): Promise<number> {
  await using device = await openDevice(NVME);
  return device.config.find(name)?.offset ?? 0;
}

test.serial('the power state D3hot does not crash a running register loop', async (t) => {
  const pm = await offsetOf('pm');
  await underLoop(t, { offset: pm + 4, off: 3, on: 0 });
});

test.serial('a reset does not crash a running register loop', async (t) => {
  await using device = await openDevice(NVME);
  t.log(`${NVME} via ${device.via}`);
  using window = device.bar(0).map();
  const version = window.read32(VERSION);
  for (let round = 0; round < 10; round++) {
    // The reset runs on a thread of the thread pool while this thread runs the loop.
    const ended = device.reset();
    const seen = new Set<number>();
    const end = performance.now() + 200;
    while (performance.now() < end) seen.add(window.read32(VERSION));
    await ended;
    seen.delete(ONES);
    t.deepEqual([...seen], [version]);
    t.is(window.read32(VERSION), version);
    t.false(window.lost);
  }
});
