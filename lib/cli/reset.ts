import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { during } from './progress.js';

export const command = defineCommand({
  about: `Resets a function (VFIO_DEVICE_RESET): by a function level reset where it has one, else by
    power management or its bus, if it is alone on that. Exit code 1 if it has no reset of its
    own.`,
  operands: { device: { from: 'devices' } },
  options: { json: { type: 'boolean', help: 'prints one JSON object' } },
  examples: ['vfio reset mock:nvme'],
  async run({ options, operands }) {
    await using device = await openDevice(operands.device);
    const started = performance.now();
    await during(`resetting ${device.name}`, device.reset());
    const milliseconds = Math.round(performance.now() - started);
    if (options.json) console.log(toJson({ device: device.name, reset: true, milliseconds }));
    else console.log(`${device.name}: reset in ${milliseconds} ms`);
    return 0;
  },
});
