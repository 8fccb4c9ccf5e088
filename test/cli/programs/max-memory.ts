/** A preloaded module: at the end of the process, prints the largest resident memory in MiB. */
import { writeSync } from 'node:fs';

process.on('exit', () => {
  writeSync(2, `memory ${Math.ceil(process.resourceUsage().maxRSS / 1024)} MiB\n`);
});
