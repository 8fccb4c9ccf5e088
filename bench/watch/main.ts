// npm run bench:watch: measures a program while a tracer or a recorder observes it, and compares it
// with the same program without an observer.
//   --lab                     measures instructions on QEMU's NVMe in a guest
//   --kernel <path or name>   kernel of the guest (a value for `vfio lab --kernel`)
//   --json                    prints JSON instead of the table
//   --out <folder>            folder of watch.json and watch.svg
//   --rounds <n>              number of rounds without --lab
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, write } from '../lib/report.js';
import { table } from '../lib/table.js';
import { measureInLab } from './lab.js';
import { measureMock } from './mock.js';

const { values } = parseArgs({
  options: {
    lab: { type: 'boolean', default: false },
    kernel: { type: 'string' },
    json: { type: 'boolean', default: false },
    out: { type: 'string', default: join('bench', 'results') },
    rounds: { type: 'string', default: '11' },
  },
});
const report = {
  name: values.lab ? 'watch-lab' : 'watch',
  title: 'A program with an observer, compared with the same program without',
  machine: machine(),
  results: values.lab
    ? await measureInLab(values.kernel)
    : await measureMock(Number(values.rounds)),
};
write(report, values.out);
console.log(values.json ? JSON.stringify(report, null, 2) : table(report.results));
process.exit();
