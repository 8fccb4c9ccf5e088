/** A preloaded module: at the end of the process, prints the CPU time and the largest memory. */
import { writeSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const seconds = Math.ceil((userCPUTime + systemCPUTime) / 1e6);
  writeSync(2, `used ${seconds} s and ${Math.ceil(maxRSS / 1024)} MiB\n`);
});
