// Runs the contract suite and test/lab/guest against the real /dev/vfio of QEMU guests, on every
// kernel that has something of its own, then the tests of the lab itself (test/lab/host) and the judge
// (test/differential), and ends with the totals of all of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DEFAULT_DEVICES, runInLab } from '../dist/lib/lab/index.js';
import { FULL } from '../dist/test/full.js';
import { compile, temporaryFolder } from '../dist/test/native/helpers.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const beside = (name) => fileURLToPath(new URL(`../../shared/lab/${name}`, import.meta.url));

// Debian's kernels have no iommufd; these are built in, by scripts/build-lab-kernel for example.
const IOMMUFD = {
  kernel: process.env.VFIO_LAB_IOMMUFD_KERNEL ?? beside('bzImage-7.2.13-iommufd'),
  variable: 'VFIO_LAB_IOMMUFD_KERNEL',
};
const NOVIRT = {
  kernel: process.env.VFIO_LAB_NOVIRT_KERNEL ?? beside('bzImage-6.12.107-novirt'),
  variable: 'VFIO_LAB_NOVIRT_KERNEL',
};
// The command line and the examples: one kernel is enough. With a network for the e1000e, and a
// function that a driver of every kernel here takes.
const ONCE = {
  kernel: 'debian-6.12',
  via: 'group',
  many: false,
  files: ['dist/test/lab/once/**/*.test.js'],
  devices: ['nvme', 'edu', 'e1000e,netdev=net', 'testdev', 'virtio-rng-pci'],
  qemuArgs: ['-netdev', 'user,id=net,restrict=on'],
  env: { VFIO_TEST_ONCE: '1' },
};
// What the mock imitates, by each way in that it has there.
const IMITATED = [
  { kernel: 'debian-6.1', via: 'group' },
  { kernel: 'debian-6.12', via: 'group', many: true },
  { ...IOMMUFD, via: 'group' },
  { ...IOMMUFD, via: 'cdev' },
];
const RUNS = [
  ...IMITATED,
  { ...NOVIRT, via: 'cdev', files: FULL ? [] : ['dist/test/lab/guest/messages.test.js'] },
  ONCE,
];

/** Kernels by name are downloaded, those by path may be missing. */
const isThere = ({ kernel, variable }) => variable === undefined || existsSync(kernel);

/** As many vectors as a function can have, which is more than the host has: in one run, or in all. */
const MANY = 'nvme,max_ioqpairs=2047,msix_qsize=2048';

/** Tells the tests what of VFIO_DEVICE_FEATURE goes to the kernel: preloaded in the guest. */
const featureLog = join(temporaryFolder(), 'feature-log.so');
compile(featureLog, ['-shared', '-fPIC'], 'test/feature_log.cc', 'test/fake_ioctl.cc');

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

/**
 * Prints what ava says as TAP, which gives the number of passed tests also beside failed ones.
 *
 * @param start - runs ava on two streams; resolves to its exit code
 */
async function runOne(label, start) {
  const totals = { passed: 0, failed: 0 };
  const started = Date.now();
  const stdout = lines((line) => {
    const [, what, count] = /^# (pass|fail) (\d+)$/.exec(line) ?? [];
    if (what === 'pass') totals.passed += Number(count);
    if (what === 'fail') totals.failed += Number(count);
    console.log(`[${label}] ${line}`);
  });
  const stderr = lines((line) => console.log(`[${label}] ${line}`));
  let exitCode = 1;
  try {
    exitCode = await start(stdout, stderr);
  } catch (error) {
    stderr.write(`${error.message}\n`);
  }
  stdout.end();
  stderr.end();
  // A test file that crashed, or a guest that did not come up.
  if (exitCode !== 0 && totals.failed === 0) totals.failed = 1;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`[${label}] exit code ${exitCode} after ${seconds} s`);
  return totals;
}

async function inGuest(
  { kernel, via, files = [], many = FULL, devices = DEFAULT_DEVICES, qemuArgs, env },
  stdout,
  stderr,
) {
  const { exitCode } = await runInLab({
    command: 'ava',
    args: ['--tap', '--config', 'scripts/ava.lab.mjs', ...files],
    kernel,
    devices: many ? [...devices, MANY] : devices,
    cwd: root,
    qemuArgs,
    env: {
      VFIO_VIA: via,
      LD_PRELOAD: featureLog,
      VFIO_TEST_FEATURES: '/tmp/vfio-features',
      ...env,
    },
    timeout: 15 * 60_000,
    stdout,
    stderr,
  });
  return exitCode;
}

async function run(args, stdout, stderr) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, [NOVIRT.variable]: NOVIRT.kernel },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(stdout, { end: false });
  child.stderr.pipe(stderr, { end: false });
  const [exitCode] = await once(child, 'close');
  return exitCode;
}

const onHost = (...streams) =>
  run(
    ['node_modules/ava/entrypoints/cli.mjs', '--tap', '--config', 'scripts/ava.host.mjs'],
    ...streams,
  );

/** Random scripts on the devices of a kernel and on their imitations; the seed is printed. */
async function judged({ kernel, via }, operations) {
  const label = `judge ${kernel.split('/').at(-1)} ${via}`;
  const args = ['--kernel', kernel, '--via', via, '--ops', `${operations}`];
  const { failed } = await runOne(label, (...streams) =>
    run(['dist/test/differential/main.js', ...args], ...streams),
  );
  return failed === 0;
}

let passed = 0;
let failed = 0;
for (const run of RUNS) {
  const { kernel, variable, via } = run;
  if (!isThere(run)) {
    console.log(`skipped: ${via} on another kernel: there is no ${kernel} (${variable})`);
    continue;
  }
  const label = `${kernel.split('/').at(-1)} ${via}`;
  const totals = await runOne(label, (...streams) => inGuest(run, ...streams));
  passed += totals.passed;
  failed += totals.failed;
}
const host = await runOne('host', onHost);
passed += host.passed;
failed += host.failed;
const judges = IMITATED.filter(isThere);
// Each day another kernel and way in.
const today = judges[Math.floor(Date.now() / 86_400_000) % judges.length];
for (const judge of FULL ? judges : [today]) {
  if (await judged(judge, FULL ? 20_000 : 500)) passed++;
  else failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
