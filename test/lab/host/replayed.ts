// Runs in the guest: records the example virtio-blk on one disk, and replays the record on another
// disk. With `any` as VFIO_TEST_ACCESS, all DMA memory has the default access, so that the record
// does not show by the access who wrote the memory.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DmaSpace } from '../../../lib/device/dma.js';

const BLOCKS = '192';
const RECORD = '/tmp/record';
const {
  VFIO_LAB_VIRTIO_BLK: first = '',
  VFIO_LAB_VIRTIO_BLK_2: second = '',
  VFIO_TEST_IN_FLIGHT: inFlight = '16',
  VFIO_TEST_ACCESS: access,
} = process.env;
const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

if (process.argv[2] === 'driver') {
  if (access === 'any') {
    // eslint-disable-next-line @typescript-eslint/unbound-method
    const { allocate } = DmaSpace.prototype;
    DmaSpace.prototype.allocate = function (size) {
      return allocate.call(this, size);
    };
  }
  process.argv.splice(2, 1, first, BLOCKS, inFlight);
  await import(pathOf('../../../examples/virtio-blk.js'));
} else {
  const env = { ...process.env, VFIO_RECORD: RECORD };
  execFileSync(process.execPath, [pathOf('replayed.js'), 'driver'], { env, stdio: 'inherit' });
  const cli = pathOf('../../../lib/cli/main.js');
  const options = { encoding: 'utf8', maxBuffer: 2 ** 30 } as const;
  const { status, stderr } = spawnSync(process.execPath, [cli, 'run', second, RECORD], options);
  process.stdout.write(`${stderr}replay ended with ${status}\n`);
}
