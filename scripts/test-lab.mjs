// Runs the lab's tests and the contract suite against the real /dev/vfio of QEMU guests, on every
// kernel that has something of its own, and ends with the totals of all of them.
import { existsSync } from 'node:fs';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInLab } from '../dist/lib/lab/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
// Debian's kernels have no iommufd; this one is built in.
const iommufd =
  process.env.VFIO_LAB_IOMMUFD_KERNEL ??
  fileURLToPath(new URL('../../shared/lab/bzImage-7.2.13-iommufd', import.meta.url));

const RUNS = [
  { kernel: 'debian-6.1', via: 'group' },
  { kernel: 'debian-6.12', via: 'group' },
  { kernel: iommufd, via: 'group' },
  { kernel: iommufd, via: 'cdev' },
];

/** Calls back with every line that is written. */
function lines(callback) {
  let rest = '';
  return new Writable({
    decodeStrings: false,
    defaultEncoding: 'utf8',
    write(chunk, _encoding, done) {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop();
      parts.forEach(callback);
      done();
    },
    final(done) {
      if (rest !== '') callback(rest);
      done();
    },
  });
}

async function runOne({ kernel, via }) {
  const label = `[${kernel.split('/').at(-1)} ${via}]`;
  const totals = { passed: 0, failed: 0 };
  const started = Date.now();
  // ava gives the number of passed tests beside failed ones only as TAP.
  const stdout = lines((line) => {
    const [, what, count] = /^# (pass|fail) (\d+)$/.exec(line) ?? [];
    if (what === 'pass') totals.passed += Number(count);
    if (what === 'fail') totals.failed += Number(count);
    console.log(`${label} ${line}`);
  });
  const stderr = lines((line) => console.log(`${label} ${line}`));
  let exitCode = 1;
  try {
    const result = await runInLab({
      command: 'ava',
      args: ['--tap', '--config', 'scripts/ava.lab.mjs'],
      kernel,
      cwd: root,
      env: { VFIO_VIA: via },
      timeout: 15 * 60_000,
      stdout,
      stderr,
    });
    exitCode = result.exitCode;
  } catch (error) {
    stderr.write(`${error.message}\n`);
  }
  stdout.end();
  stderr.end();
  // A test file that crashed, or a guest that did not come up.
  if (exitCode !== 0 && totals.failed === 0) totals.failed = 1;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${label} exit code ${exitCode} after ${seconds} s`);
  return totals;
}

let passed = 0;
let failed = 0;
for (const run of RUNS) {
  if (run.kernel === iommufd && !existsSync(iommufd)) {
    console.log(`skipped: ${run.via} on iommufd: no kernel ${iommufd} (VFIO_LAB_IOMMUFD_KERNEL)`);
    continue;
  }
  const totals = await runOne(run);
  passed += totals.passed;
  failed += totals.failed;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
