import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { withProgress } from './progress.js';
import { printable } from '../printable.js';
import { VF_TOKEN } from './token.js';

export const command = defineCommand({
  about: `Resets a function (VFIO_DEVICE_RESET). The kernel uses a function level reset if the
    function supports one. Otherwise the kernel uses power management, or resets the bus if no other
    function is on the bus. The exit code is 1 if the function cannot be reset alone.`,
  operands: { device: { from: 'devices' } },
  options: {
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio reset mock:nvme'],
  async run({ options, operands }) {
    await using device = await openDevice(operands.device, options);
    const started = performance.now();
    await withProgress(`resetting ${device.name}`, device.reset());
    const milliseconds = Math.round(performance.now() - started);
    if (options.json) console.log(toJson({ device: device.name, reset: true, milliseconds }));
    else console.log(`${printable(device.name)}: reset in ${milliseconds} ms`);
    return 0;
  },
});
