import { parseArgs } from 'node:util';
import { demoFor, describe } from '../demo/index.js';
import { openDevice } from '../index.js';
import { toJson } from './json.js';
import { table } from './table.js';
import { onlyOne } from './usage.js';

export const usage = `vfio demo <device> [--json]

Runs a small user-space driver on a device and verifies what it did. Exit code 0 only if what was
written was read back and the interrupts arrived. Blocks of a disk that are written are put back.

  <device>   mock:nvme, mock:edu, mock:dsa, mock:wlan, or the address of an NVMe controller or of
             QEMU's edu
  --json     prints one JSON object

Example: vfio demo mock:nvme`;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  await using device = await openDevice(onlyOne(positionals));
  const description = describe(device);
  const { ok, data, lines, alone = false } = await (await demoFor(device))(device);
  if (values.json) {
    console.log(toJson(alone ? data : { ...description.data, ...data, ok }));
  } else {
    console.log(table([...description.lines, ...lines]));
    console.log(ok ? 'ok' : 'FAILED');
  }
  return ok ? 0 : 1;
}
