// A program that opens, uses and closes a device many times. The program prints the resources of
// its process before the first cycle, while a device is open, and after the last cycle.
//
//   node --expose-gc cycles.js <device, or 'bench'> <cycles>
import { readFileSync, readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { openDevice, type PciDevice } from 'vfio';
import { openBench } from '../../bench/lib/host.js';

/** Resources that the process uses. */
export interface ResourceUse {
  fds: number;
  mappings: number;
  /** Mappings of registers. */
  windows: number;
  /** Heap of V8 and external buffers, in kB. */
  inUse: number;
  /** Resident memory in kB, from /proc/self/status. */
  VmRSS: number;
  VmLck: number;
  VmPin: number;
}

export interface Cycles {
  before: ResourceUse;
  during: ResourceUse;
  after: ResourceUse;
}

const SIZE = 2 ** 18;
const [, , name = '', cycles = ''] = process.argv;

function measureUse(): ResourceUse {
  const maps = readFileSync('/proc/self/maps', 'latin1').split('\n');
  const status = readFileSync('/proc/self/status', 'latin1');
  const kB = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  const { heapUsed, external } = process.memoryUsage();
  return {
    inUse: Math.round((heapUsed + external) / 1024),
    fds: readdirSync('/proc/self/fd').length,
    mappings: maps.length - 1,
    windows: maps.filter((line) => line.includes('vfio') && !line.endsWith('.node')).length,
    VmRSS: kB('VmRSS'),
    VmLck: kB('VmLck'),
    VmPin: kB('VmPin'),
  };
}

async function open(): Promise<{ device: PciDevice; close: () => void }> {
  if (name === 'bench') {
    return openBench(8, { containerMapDmaAsync: () => Promise.resolve() });
  }
  const device = await openDevice(name);
  return {
    device,
    close: () => {
      device.close();
    },
  };
}

let during: ResourceUse | undefined;

async function cycle(n: number): Promise<void> {
  const { device, close } = await open();
  device.config.update('command', { memory: 1, bus_master: 1 });
  const window = device.bar(0).map();
  window.read32(0);
  const buffer = await device.dma.allocate(SIZE);
  buffer.bytes.fill(n);
  const shared = device.dma.mapSync(new SharedArrayBuffer(SIZE, { maxByteLength: SIZE }));
  const { msi, msix } = device.interrupts;
  const vector = (msix.count > 0 ? msix : msi).request(0);
  const waiting = vector.next().catch(() => undefined);
  vector.on('interrupt', () => undefined);
  if (n === 0) during = measureUse();
  // In every third cycle, the program closes each object. In the other cycles, the program closes
  // only the device.
  if (n % 3 === 0) {
    window.close();
    shared.free();
    vector.close();
    buffer.free();
  } else if (n % 3 === 1) {
    device.interrupts.poll().spin(0);
  }
  close();
  await waiting;
  // A WeakRef keeps its target until the current turn of the event loop ends. This wait lets V8
  // free the devices of earlier cycles.
  await setImmediate();
}

async function repeat(times: number): Promise<ResourceUse> {
  for (let n = 1; n <= times; n++) await cycle(n);
  for (let turn = 0; turn < 10; turn++) {
    globalThis.gc?.();
    await setImmediate();
  }
  return measureUse();
}

const count = Number(cycles);
// Run some cycles before the first measurement: V8 compiles the code, and the allocators reserve
// memory.
await repeat(Math.ceil(count / 10) + 2);
await cycle(0);
const before = await repeat(1);
const after = await repeat(count);
console.log(JSON.stringify({ before, during, after }));
