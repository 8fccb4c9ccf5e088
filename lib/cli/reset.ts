import { parseArgs } from 'node:util';
import { openDevice } from '../index.js';
import { toJson } from './json.js';
import { onlyOne } from './usage.js';

export const usage = `vfio reset <device> [--json]

Resets a function (VFIO_DEVICE_RESET): by a function level reset where it has one, else by power
management or its bus, if it is alone on that. Exit code 1 if it has no reset of its own.

  --json     prints one JSON object

Example: vfio reset mock:nvme`;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  await using device = await openDevice(onlyOne(positionals));
  const started = performance.now();
  await device.reset();
  const milliseconds = Math.round(performance.now() - started);
  if (values.json) console.log(toJson({ device: device.name, reset: true, milliseconds }));
  else console.log(`${device.name}: reset in ${milliseconds} ms`);
  return 0;
}
