// Runs in the guest. Makes the planned accesses. Marks in QEMU's log separate the accesses.
import { compileFunction } from 'node:vm';
import { openDevice, type RegisterWindow } from 'vfio';
import { loopAccesses, perform, randomAccesses, TARGETS, TURNS } from './plan.js';

const seed = Number(process.env.VFIO_TEST_SEED);
/** A register of edu that stores the inverse of each written value and has no other effect. */
const LIVENESS = 4;

const edu = await openDevice(process.env.VFIO_LAB_EDU ?? '');
const marks = edu.bar(0).map();
let mark = 0;

for (const target of TARGETS) {
  const device =
    target.region === 'edu-mmio' ? edu : await openDevice(process.env[target.variable] ?? '');
  const window = device.bar(0).map();
  const [read, , , write] = loopAccesses(target);
  const reading = `window.read${8 * (read?.width ?? 1)}(${read?.offset ?? 0})`;
  const writing = `window.write${8 * (write?.width ?? 1)}(${write?.offset ?? 0}, 5)`;
  const loop = compileFunction(
    `let wrong = 0;
     for (let i = 0; i < n; i++) {
       ${reading};
       if (${reading} !== ${reading}) wrong++;
       ${writing}; ${writing};
     }
     return wrong;`,
    ['window', 'n'],
  ) as (window: RegisterWindow, n: number) => number;
  marks.write32(LIVENESS, 0xfeed_0000 + mark++);
  for (const access of randomAccesses(target, seed)) perform(window, access);
  marks.write32(LIVENESS, 0xfeed_0000 + mark++);
  const wrong = loop(window, TURNS);
  marks.write32(LIVENESS, 0xfeed_0000 + mark++);
  console.log(`${target.region}: ${wrong} different`);
  if (device !== edu) device.close();
}
edu.close();
