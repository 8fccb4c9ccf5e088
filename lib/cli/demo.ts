import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { withProgress } from './progress.js';
import { table } from './table.js';
import { VF_TOKEN } from './token.js';

export const command = defineCommand({
  about: `Runs a small user-space driver on a device and verifies the result. The exit code is 0
    only if all data was read back as written and all interrupts arrived. The demo restores the disk
    blocks that it overwrites.`,
  operands: {
    device: {
      from: 'devices',
      help: `mock:nvme, mock:edu, mock:dsa, mock:wlan, or the address of an NVMe controller or of
        QEMU's edu`,
    },
  },
  options: {
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio demo mock:nvme'],
  async run({ options, operands }) {
    const { findDemo, describe } = await import('../demo/index.js');
    await using device = await openDevice(operands.device, options);
    const description = describe(device);
    const demo = await findDemo(device);
    const {
      ok,
      data,
      lines,
      omitDescription = false,
    } = await withProgress(`driving ${device.name}`, demo(device));
    if (options.json) {
      console.log(toJson(omitDescription ? data : { ...description.data, ...data, ok }));
    } else {
      console.log(table([...description.lines, ...lines]));
      console.log(ok ? 'ok' : 'FAILED');
    }
    return ok ? 0 : 1;
  },
});
