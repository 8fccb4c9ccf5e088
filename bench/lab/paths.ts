import type { PciDevice } from 'vfio';
import { measureLoop, now, Rounds, warmUp } from './clock.js';

const READS = 2000;
const LOOPS = 500;
const MAPS = 200;
const MAPPED = 64 * 1024;

/** Measures the paths of bench/c/lab/paths.c with the public API. */
export async function measurePaths(device: PciDevice): Promise<void> {
  const { config } = device;
  const bar = device.bar(0);
  await measureLoop('config.read32', READS, () => config.read32(0));
  await measureLoop('region.load', READS, () => bar.load(0, 4));
  {
    using registers = bar.map();
    await measureLoop('read32 of a mapped register', READS, () => registers.read32(0));
  }
  await loopback(device);
  const memory = new SharedArrayBuffer(MAPPED, { maxByteLength: MAPPED });
  await measureLoop('DMA map and unmap of 64 KiB', MAPS, () => {
    device.dma.mapSync(memory).free();
  });
}

/**
 * Measures the time from a SET_IRQS call to the listener in the event loop. The listener triggers
 * the next interrupt.
 */
async function loopback(device: PciDevice): Promise<void> {
  using vector = device.interrupts.msix.request(0);
  let left = 0;
  let done: () => void = () => undefined;
  vector.on('interrupt', () => {
    if (--left === 0) done();
    else vector.trigger();
  });
  const run = (times: number) =>
    new Promise<void>((resolve) => {
      left = times;
      done = resolve;
      vector.trigger();
    });
  await warmUp(() => run(LOOPS), 10);
  const rounds = new Rounds();
  while (!rounds.complete) {
    const start = now();
    await run(LOOPS);
    rounds.done(start, LOOPS);
  }
  rounds.report('SET_IRQS loopback to the handler');
}
