import { openDeviceSync, type PciDevice } from 'vfio/mock';
import { timed } from '../lib/helper.js';
import { type Bench, openBench, requestVectors } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';
import { Rounds } from '../paths/rounds.js';
import { growth } from './growth.js';

const TURNS = 3000;
const READS = 200_000;
const OPENS = 20;

/** The benchmarks of one device while other devices are open. */
export function deviceBenchmarks(): Benchmark[] {
  return [
    growth({
      title: 'an interrupt, by open devices',
      unit: 'us',
      sizes: [1, 16, 256],
      make(size) {
        const benches = openMany(size);
        const last = benches.at(-1);
        if (last === undefined) throw new Error('no device');
        const rounds = benches.map(
          ({ device }) => new Rounds(device, requestVectors(device, 1), 1),
        );
        return {
          run: () => rounds.at(-1)?.run(TURNS) ?? NaN,
          close: () => {
            closeAll(benches);
          },
        };
      },
    }),
    growth({
      title: 'read32 of a mock register, by open devices',
      sizes: [1, 16, 256],
      make(size) {
        const devices = openMocks('edu', size);
        const registers = devices.map((device) => device.bar(0).map());
        const [first] = registers;
        return {
          run: () =>
            timed(READS, () => {
              for (let i = 0; i < READS; i++) first?.read32(4);
            }),
          close: () => {
            closeAll(devices);
          },
        };
      },
    }),
    ...(['edu', 'nvme', 'dsa'] as const).map((model) =>
      growth({
        title: `mock:${model} opened and closed, by names in use`,
        unit: 'us',
        sizes: [1, 16, 256],
        make(size) {
          const devices = openMocks(model, size - 1);
          return {
            run: () =>
              timed(OPENS, () => {
                for (let i = 0; i < OPENS; i++) openDeviceSync(`mock:${model}#new`).close();
              }) / 1000,
            close: () => {
              closeAll(devices);
            },
          };
        },
      }),
    ),
  ];
}

function openMany(count: number): Bench[] {
  return Array.from({ length: count }, () => openBench(1));
}

function openMocks(model: string, count: number): PciDevice[] {
  return Array.from({ length: count }, (_, i) => {
    const device = openDeviceSync(`mock:${model}#${count}-${i}`);
    device.config.update('command', { memory: 1 });
    return device;
  });
}

function closeAll(open: readonly { close(): void }[]): void {
  for (const one of open) one.close();
}
