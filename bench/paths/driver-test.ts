import { openDevice, type PciDevice } from 'vfio/mock';
import { NvmeController } from '../../lib/demo/nvme/controller.js';
import { timedAsync } from '../lib/helper.js';
import type { Benchmark } from '../lib/measure.js';

const TURNS = 20;
const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;

/** What a driver's test does with an open device: configures the device and receives an interrupt. */
const TESTS = {
  'mock:edu': async (device) => {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const registers = device.bar(0).map();
    const vector = device.interrupts.msi.request(0);
    registers.write32(RAISE, 1);
    await vector.next();
    registers.write32(ACKNOWLEDGE, 1);
    vector.close();
  },
  'mock:nvme': async (device) => {
    const controller = await NvmeController.start(device);
    await controller.identifyController();
    await controller.stop();
  },
} as const satisfies Readonly<Record<string, (device: PciDevice) => Promise<void>>>;

/** The benchmarks of the shortest useful test of a driver: open, configure, one interrupt, close. */
export function driverTestBenchmarks(): Benchmark[] {
  return Object.entries(TESTS).map(([name, test]) => ({
    title: `a driver's test on ${name}`,
    unit: 'us',
    contenders: [{ name: 'vfio', run: () => timeOf(name, test) }],
    goals: [{ of: 'vfio', atMost: 1000 }],
  }));
}

/** @returns CPU time of one test, in microseconds */
async function timeOf(name: string, test: (device: PciDevice) => Promise<void>): Promise<number> {
  const time = await timedAsync(TURNS, async () => {
    for (let turn = 0; turn < TURNS; turn++) {
      const device = await openDevice(name);
      await test(device);
      device.close();
    }
  });
  return time / 1000;
}
