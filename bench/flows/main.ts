// Compares the flows by which vectors are had: a table on standard output, or JSON with --json, and
// flows.json and flows.svg in the folder of --out. --vectors n, repeatable, replaces the numbers.
// --lab does it with QEMU's NVMe on real kernels, those of --kernel (repeatable), and writes
// flows-lab.json; --device (repeatable) here, with the address of an NVMe controller.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../lib/report.js';
import { figure } from './figure.js';
import { type Growth, grow } from './grow.js';
import { measureInLab } from './lab.js';
import { MockBells } from './mock-bells.js';
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
  tellNvme('flows-lab', await measureInLab(values.kernel));
} else if (values.device.length > 0) {
  const reports: NvmeReport[] = [];
  for (const device of values.device) reports.push(await measureNvme(device, FLOWS));
  tellNvme('flows-device', reports);
} else {
  const growths = await growMock(values.vectors.map(Number));
  tell('flows', { growths }, table(GROWTH, growths));
  const note = `${where.date}, mock, ${where.cores} x ${where.cpu}, Node ${where.node}`;
  writeFileSync(join(values.out, 'flows.svg'), figure(growths, note));
}

async function growMock(sizes: readonly number[]): Promise<Growth[]> {
  for (const size of sizes) {
    if (!Number.isInteger(size) || size < 1 || size > 2048) {
      throw new RangeError('--vectors takes a number from 1 to 2048');
    }
  }
  using bells = await MockBells.open();
  // The first of all pays for what is compiled then.
  for (const flow of FLOWS) grow(bells, { flow, vectors: 64 });
  return sizes.flatMap((vectors) => FLOWS.map((flow) => grow(bells, { flow, vectors })));
}

function tellNvme(name: string, reports: readonly NvmeReport[]): void {
  const growths = reports.flatMap((report) => report.growths);
  const swaps = reports.map(({ swap }) => swap);
  tell(name, { reports }, `${table(NVME_GROWTH, growths)}\n\n${table(SWAP, swaps)}`);
}

function tell(name: string, measured: object, printed: string): void {
  const json = JSON.stringify({ machine: where, ...measured }, null, 2);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, `${name}.json`), `${json}\n`);
  console.log(values.json ? json : printed);
}
