// Does the work of a driver in the lab's guest, and prints one line of JSON for each path.
//   node guest.js <address of an NVMe> <name of the observer>
import { openDevice } from 'vfio';
import { now, Rounds, warmUp } from '../lab/clock.js';
import { worksOf } from './work.js';

const [address = '', who = ''] = process.argv.slice(2);
const device = await openDevice(address);
for await (const { path, operations, run } of worksOf(device)) {
  await warmUp(run, 3);
  const rounds = new Rounds();
  while (!rounds.complete) {
    const start = now();
    await run();
    rounds.done(start, operations);
  }
  rounds.report(path, who);
}
device.close();
