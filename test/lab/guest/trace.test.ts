// `vfio trace` names the cause of a hang on a real device. The IOMMU of the guest reports refused
// DMA transfers in the log of the kernel.
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { endOf, runUntil } from '../../cli/run-until.js';
import { VFIO } from '../../cli/vfio.js';

const HANGS = fileURLToPath(new URL('../../cli/programs/hangs.js', import.meta.url));
const NVME = process.env.VFIO_LAB_NVME ?? '';

async function hang(mistake: string, seen: RegExp): Promise<string[]> {
  const args = [VFIO, 'trace', '--log', '--', process.execPath, HANGS, mistake, NVME];
  return endOf((await runUntil(args, 'stderr', seen, 'SIGTERM')).output);
}

for (const [mistake, seen, finding] of [
  ['unmapped IOVA', /DMA fault: /, / DMA fault: read of 0xdead0000: (.*not set|translation fault)/],
  ['no bus master', /msix 0 awaited/, /bus master is off: the program never set the bit/],
  ['poll in vain', /r32 -> 0 \(\d+ times/, /bar0\+0x1c r32 was polled in vain: .* always 0/],
  ['blocked in wait', /wait\(0x927c0\) <unfinished/, /wait\(0x927c0\) did not return for/],
] as const) {
  test(`vfio trace explains a hang of a real device: ${mistake}`, async (t) => {
    const end = await hang(mistake, seen);
    t.regex(end[0] ?? '', /^\+\+\+ SIGTERM after/);
    t.true(
      end.some((line) => finding.test(line)),
      end.join('\n'),
    );
  });
}
