// npm run bench:flows: compares the unmask methods `incremental`, `upfront` and `dynamic`. Prints a
// table, and writes flows.json and flows.svg.
//   --json                    prints JSON instead of the table
//   --out <folder>            folder of the files
//   --vectors <n>             number of vectors (repeatable)
//   --lab                     measures on QEMU's NVMe in guests, and writes flows-lab.json
//   --kernel <path or name>   kernel of a guest (repeatable)
//   --device <address>        measures on this NVMe controller, and writes flows-device.json
//                             (repeatable)
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../lib/report.js';
import { figure } from './figure.js';
import { type Growth, grow } from './grow.js';
import { measureInLab } from './lab.js';
import { MockFiringDevice } from './mock-firing-device.js';
import { measureNvme, type NvmeReport } from './nvme.js';
import { GROWTH, NVME_GROWTH, SWAP, table } from './table.js';

const FLOWS = ['incremental', 'upfront', 'dynamic'] as const;
const VECTORS = ['1', '16', '64', '512', '2048'];
const { VFIO_LAB_IOMMUFD_KERNEL } = process.env;
const KERNELS = ['debian-6.1', 'debian-6.12', VFIO_LAB_IOMMUFD_KERNEL ?? ''].filter(Boolean);

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    out: { type: 'string', default: join('bench', 'results') },
    vectors: { type: 'string', multiple: true, default: VECTORS },
    lab: { type: 'boolean', default: false },
    kernel: { type: 'string', multiple: true, default: KERNELS },
    device: { type: 'string', multiple: true, default: [] },
  },
});
const where = machine();

if (values.lab) {
  reportNvme('flows-lab', await measureInLab(values.kernel));
} else if (values.device.length > 0) {
  const reports: NvmeReport[] = [];
  for (const device of values.device) reports.push(await measureNvme(device, FLOWS));
  reportNvme('flows-device', reports);
} else {
  const growths = await growMock(values.vectors.map(Number));
  report('flows', { growths }, table(GROWTH, growths));
  const note = `${where.date}, mock, ${where.cores} x ${where.cpu}, Node ${where.node}`;
  writeFileSync(join(values.out, 'flows.svg'), figure(growths, note));
}

async function growMock(sizes: readonly number[]): Promise<Growth[]> {
  for (const size of sizes) {
    if (!Number.isInteger(size) || size < 1 || size > 2048) {
      throw new RangeError(`--vectors ${size} is not a number from 1 to 2048`);
    }
  }
  using firing = await MockFiringDevice.open();
  // V8 compiles the code during the first run of each unmask method, so the first runs are not
  // reported.
  for (const flow of FLOWS) grow(firing, { flow, vectors: 64 });
  return sizes.flatMap((vectors) => FLOWS.map((flow) => grow(firing, { flow, vectors })));
}

function reportNvme(name: string, reports: readonly NvmeReport[]): void {
  const growths = reports.flatMap((report) => report.growths);
  const swaps = reports.map(({ swap }) => swap);
  report(name, { reports }, `${table(NVME_GROWTH, growths)}\n\n${table(SWAP, swaps)}`);
}

function report(name: string, measured: object, printed: string): void {
  const json = JSON.stringify({ machine: where, ...measured }, null, 2);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, `${name}.json`), `${json}\n`);
  console.log(values.json ? json : printed);
}
