import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  createEventfd,
  type Message,
  openDeviceSync,
  registerModel,
  SoftwareSource,
  VirtualMsix,
  WindowRewriter,
} from 'vfio/mock';
import { helper, timed } from '../lib/helper.js';
import { openBench, requestVectors } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';
import { Rounds } from '../paths/rounds.js';
import { growth, type Sized } from './growth.js';

const SIZES = [1, 64, 2048];
const MANY = 2048;
/** Sizes with which the cost of the device itself does not matter. */
const FULL = [64, 512, MANY];
const INTERRUPTS = 3000;
const TURNS = 300;
const WRITES = 3000;
const ENTRY = 16;
const VECTOR_CONTROL = 12;
const ENABLE = 0x8000;
const WINDOW = 0x8000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

registerModel({
  name: 'growing',
  shape: {
    vendorId: 0x1234,
    deviceId: 0x0be2,
    classCode: 0xff0000,
    bars: [
      { index: 0, size: 0x10000 },
      { index: 1, size: WINDOW },
    ],
    capabilities: [
      {
        name: 'msix',
        offset: 0x40,
        vectors: MANY,
        table: { bar: 0, offset: 0 },
        pba: { bar: 0, offset: 0x8000 },
      },
      { name: 'pcie', offset: 0x80 },
    ],
  },
  create: () => ({
    registers: { 1: [{ offset: 0, size: WINDOW, name: 'window' }] },
    reset: () => undefined,
  }),
});

/** The benchmarks of one vector of a device with many vectors. */
export function vectorBenchmarks(): Benchmark[] {
  return [
    growth({ title: 'an interrupt, by armed vectors', unit: 'us', sizes: SIZES, make: interrupt }),
    growth({
      title: 'a vector requested and closed, by requested vectors',
      unit: 'us',
      sizes: SIZES,
      make(size) {
        const bench = openBench(MANY + 1);
        requestVectors(bench.device, size - 1);
        const { msix } = bench.device.interrupts;
        return {
          run: () => requestAndClose(() => msix.request(MANY)),
          close: () => {
            bench.close();
          },
        };
      },
    }),
    growth({
      title: 'mock: a vector requested and closed, by requested vectors',
      unit: 'us',
      sizes: SIZES,
      make(size) {
        const device = openDeviceSync(`mock:growing#${size}`);
        requestVectors(device, size - 1);
        const { msix } = device.interrupts;
        return {
          run: () => requestAndClose(() => msix.request(MANY - 1)),
          close: () => {
            device.close();
          },
        };
      },
    }),
    growth({
      title: 'memory of a requested vector, by requested vectors',
      unit: 'bytes',
      sizes: FULL,
      make: (size) => ({ run: () => memoryOf(size) }),
    }),
    growth({
      title: 'a vector requested, and closed with its device, by vectors',
      unit: 'us',
      sizes: FULL,
      make: (size) => ({ run: () => timeOf(size) }),
    }),
    growth({ title: 'an emulated vector, by vectors', sizes: SIZES, make: emulated }),
    growth({
      title: 'a write of a message to a window, by vectors',
      sizes: SIZES,
      make: rewritten,
    }),
  ];
}

/** The devices differ only in the number of requested vectors. */
function interrupt(armed: number): Sized {
  const bench = openBench(MANY);
  const rounds = new Rounds(bench.device, requestVectors(bench.device, armed), 1);
  return {
    run: () => rounds.run(INTERRUPTS),
    close: () => {
      bench.close();
    },
  };
}

/** @returns microseconds */
function requestAndClose(request: () => { close(): void }): number {
  return (
    timed(TURNS, () => {
      for (let turn = 0; turn < TURNS; turn++) request().close();
    }) / 1000
  );
}

/** CPU time per vector, in microseconds. Each measurement requests {@link MANY} vectors in total. */
function timeOf(vectors: number): number {
  let spent = 0;
  for (let done = 0; done < MANY; done += vectors) {
    const bench = openBench(vectors);
    const start = helper.threadTime();
    requestVectors(bench.device, vectors);
    bench.device.close();
    spent += helper.threadTime() - start;
    bench.close();
  }
  return spent / MANY / 1000;
}

/** Bytes of the JavaScript heap per vector. Each measurement requests {@link MANY} vectors. */
function memoryOf(vectors: number): number {
  const benches = Array.from({ length: MANY / vectors }, () => openBench(vectors));
  collect();
  collect();
  const { heapUsed } = process.memoryUsage();
  for (const { device } of benches) requestVectors(device, vectors);
  collect();
  collect();
  const bytes = process.memoryUsage().heapUsed - heapUsed;
  for (const bench of benches) bench.close();
  return bytes / MANY;
}

/** A guest masks a vector, the device signals the vector, and the guest unmasks the vector. */
function emulated(vectors: number): Sized {
  const msix = new VirtualMsix({
    vectors,
    table: { bar: 0, offset: 0 },
    pba: { bar: 0, offset: WINDOW },
  });
  const software = new SoftwareSource(msix);
  software.emulate(0, vectors);
  msix.configWrite(2, 2, ENABLE);
  for (let vector = 0; vector < vectors; vector++) {
    msix.connect(vector, createEventfd());
    msix.tableWrite(ENTRY * vector + VECTOR_CONTROL, 4, 0);
  }
  const last = vectors - 1;
  return {
    run: () =>
      timed(WRITES, () => {
        for (let i = 0; i < WRITES; i++) {
          msix.tableWrite(ENTRY * last + VECTOR_CONTROL, 4, 1);
          software.sendSignal(last);
          msix.tableWrite(ENTRY * last + VECTOR_CONTROL, 4, 0);
        }
      }),
  };
}

/** A guest with a table of messages writes the message of one vector to registers. */
function rewritten(vectors: number): Sized {
  const device = openDeviceSync(`mock:growing#window-${vectors}`);
  device.config.update('command', { memory: 1, bus_master: 1 });
  device.interrupts.msix.request(0);
  const table = new Map<number, Message>();
  for (let vector = 0; vector < vectors; vector++) {
    table.set(vector, { address: 0xfee0_0000n + 0x1000n * BigInt(vector), data: 0x21 });
  }
  const rewriter = new WindowRewriter(device, {
    place: { region: 1, offset: 0, size: WINDOW },
    guest: () => table,
    index: 'msix',
  });
  return {
    run: () =>
      timed(WRITES, () => {
        for (let i = 0; i < WRITES; i += 3) {
          rewriter.write(0x48, 4, 0xfee0_0000);
          rewriter.write(0x4c, 4, 0);
          rewriter.write(0x50, 4, 0x21);
        }
      }),
    close: () => {
      rewriter.close();
      device.close();
    },
  };
}
