// Runs the tests that need a real /dev/vfio, and prints the totals at the end:
// - the contract suite and test/lab/guest in QEMU guests, on several kernels;
// - the contract suite on mock devices that vfio serve gives to a guest;
// - the tests of the lab itself (test/lab/host);
// - the comparisons with the newest lspci, which the lab downloads (test/pci);
// - the differential test of the mock (test/differential).
// With words as arguments, only the parts whose names contain one of the words run:
//   npm run test:lab -- served 'debian-6.12 group'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DEFAULT_DEVICES, runInLab } from '../dist/lib/lab/index.js';
import { FULL } from '../dist/test/full.js';
import { compileWith, temporaryFolder } from '../dist/test/native/helpers.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const beside = (name) => fileURLToPath(new URL(`../../shared/lab/${name}`, import.meta.url));

const SUITE = 'dist/test/contract/suite.test.js';

// This kernel is built separately (scripts/build-lab-kernel), because Debian's kernels have no
// iommufd.
const IOMMUFD = {
  kernel: process.env.VFIO_LAB_IOMMUFD_KERNEL ?? beside('bzImage-7.2.13-iommufd'),
  variable: 'VFIO_LAB_IOMMUFD_KERNEL',
};
const NOVIRT = {
  kernel: process.env.VFIO_LAB_NOVIRT_KERNEL ?? beside('bzImage-6.12.107-novirt'),
  variable: 'VFIO_LAB_NOVIRT_KERNEL',
};
// The tests of the command line and of the examples run on one kernel only. The guest has a network
// for the e1000e. The guest also has a virtio-rng, a PCI function for which every kernel has a
// driver.
const ONCE = {
  kernel: 'debian-6.12',
  via: 'group',
  label: 'once',
  files: ['dist/test/lab/once/**/*.test.js'],
  devices: ['nvme', 'edu', 'e1000e,netdev=net', 'testdev', 'virtio-rng-pci', 'sdhci-pci'],
  // test/lab/once/in-use.test.ts needs the drivers of the devices, and an NVMe with virtual
  // functions.
  modules: ['nvme', 'dm-mod', 'e1000e'],
  qemuArgs: [
    ...['-netdev', 'user,id=net,restrict=on'],
    ...['-device', 'nvme-subsys,id=sub'],
    ...[
      '-device',
      'nvme,serial=pf,subsys=sub,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2,bus=pcie.0,addr=8',
    ],
  ],
  env: { VFIO_TEST_ONCE: '1' },
};
// The guest has the mock devices of the contract suite on its PCI bus, so a kernel and a VMM test the
// mock.
const SERVED = {
  kernel: 'debian-6.12',
  via: 'group',
  label: 'served',
  files: ['dist/test/contract/**/*.test.js', 'dist/test/lab/once/vfs.test.js'],
  devices: ['igb'],
  modules: ['igb'],
  serve: ['mock:nvme', 'mock:edu'],
  // This guest has Debian's newest QEMU, which also has the device igb. test/lab/once/vfs.test.ts
  // needs igb and its driver.
  before: [
    'vfio bind $VFIO_LAB_SERVED',
    'vfio bind $VFIO_LAB_SERVED_2',
    'export VFIO_LAB_NVME=$VFIO_LAB_SERVED VFIO_LAB_EDU=$VFIO_LAB_SERVED_2',
  ],
  env: { VFIO_TEST_ONCE: '1' },
};
// The kernels that the mock emulates. A kernel has one entry for each type of device node that the
// kernel supports.
const EMULATED = [
  { kernel: 'debian-6.1', via: 'group' },
  { kernel: 'debian-6.12', via: 'group' },
  { ...IOMMUFD, via: 'group' },
  { ...IOMMUFD, via: 'cdev' },
];
const today = (list) => list[Math.floor(Date.now() / 86_400_000) % list.length];
const words = process.argv.slice(2);
// The kernels for arm64 have pages of 4 KiB and of 16 KiB. A short run uses one of them each day, in
// turn.
const ARM64 = ['debian-6.12', 'debian-6.12-16k'].map((kernel) => ({
  arch: 'arm64',
  kernel,
  via: 'group',
  label: 'arm64',
  files: FULL ? [] : [SUITE],
}));
/**
 * The kernels that run the contract suite and test/lab/guest. By group, the oldest and the newest
 * kernel open devices like debian-6.12. A short run therefore uses only one of these two kernels each
 * day, in turn. Each file of tests starts slowly in a guest, so a short run has test/lab/guest on only
 * one kernel each day.
 */
function contractRuns() {
  if (FULL || words.length > 0) return EMULATED;
  const available = EMULATED.filter((run) => lacks(run) === undefined);
  const [oldest, , newest] = EMULATED;
  const turns = [oldest, newest].filter((run) => available.includes(run));
  const runs = available.filter((run) => !turns.includes(run) || run === today(turns));
  return runs.map((run) => (run === today(runs) ? run : { ...run, files: [SUITE] }));
}

const RUNS = [
  ...contractRuns(),
  ...(FULL || words.length > 0 ? ARM64 : [today(ARM64)]),
  { ...NOVIRT, via: 'cdev', files: FULL ? [] : ['dist/test/lab/guest/messages.test.js'] },
  ONCE,
  SERVED,
];

const hasArm64Addon = () => existsSync(join(root, 'prebuilds/linux-arm64/vfio.glibc.node'));

/**
 * Returns what a run lacks. A Debian kernel is always available, because the lab can download the
 * kernel. A kernel that is given by a path is available only if the file exists.
 */
function lacks({ arch, kernel, variable }) {
  if (arch === 'arm64' && !hasArm64Addon()) {
    return 'the addon for arm64 was not built';
  }
  if (variable === undefined || existsSync(kernel)) return undefined;
  return `the kernel ${kernel} does not exist (set ${variable})`;
}

/** A device with more vectors than the guest can provide, for the tests of test/lab/guest. */
const MANY = 'nvme,max_ioqpairs=2047,msix_qsize=2048';

/**
 * Compiles a library that is preloaded in the guest. The library logs the VFIO_DEVICE_FEATURE calls
 * for the tests.
 */
function compileFeatureLog(compiler) {
  const library = join(temporaryFolder(), 'feature-log.so');
  const sources = ['test/feature_log.cc', 'test/fake_ioctl.cc'];
  compileWith(compiler, library, ['-shared', '-fPIC'], ...sources);
  return library;
}

const featureLogs = { x64: compileFeatureLog(process.env.CXX ?? 'g++') };
// The addon that was built for this machine does not load in a guest for arm64.
const prebuild = spawn(process.execPath, ['scripts/prebuild.mjs', 'arm64-glibc'], {
  cwd: root,
  stdio: 'inherit',
});
await once(prebuild, 'close');
if (hasArm64Addon()) featureLogs.arm64 = compileFeatureLog('aarch64-linux-gnu-g++');

/** Returns a stream that calls `callback` with each written line. */
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
 * Runs ava, prints its TAP output and counts the passed and failed tests.
 *
 * @param start - runs ava with two output streams; resolves to the exit code of ava
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
  let isDead = false;
  try {
    exitCode = await start(stdout, stderr);
  } catch (error) {
    stderr.write(`${error.message}\n`);
    // A guest in which a test has failed is not run again.
    isDead = error.code === 'EIO' && totals.failed === 0;
  }
  stdout.end();
  stderr.end();
  // A crashed test file or a guest that did not boot counts as one failure.
  if (exitCode !== 0 && totals.failed === 0) totals.failed = 1;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`[${label}] exit code ${exitCode} after ${seconds} s`);
  return { ...totals, isDead };
}

/**
 * Runs a part in a guest. If the guest's kernel ends, for example because QEMU lost the timer of an
 * emulated CPU, runs the part once more. A fault that is not QEMU's ends the second guest, too.
 */
async function runInGuest(label, run) {
  const start = () => runOne(label, (...streams) => inGuest(run, ...streams));
  const first = await start();
  if (!first.isDead) return first;
  console.log(`[${label}] the guest ended: the part runs once more`);
  return start();
}

async function inGuest(
  {
    arch = 'x64',
    kernel,
    via,
    files = [],
    many = files.length === 0,
    devices = DEFAULT_DEVICES,
    serve,
    before = [],
    modules,
    qemuArgs,
    env,
  },
  stdout,
  stderr,
) {
  const { exitCode } = await runInLab({
    command: 'sh',
    args: [
      '-c',
      [...before, 'exec ava --tap --config scripts/ava.lab.mjs "$@"'].join(' && '),
      'ava',
      ...files,
    ],
    arch,
    kernel,
    devices: many ? [...devices, MANY] : devices,
    serve,
    cwd: root,
    modules,
    qemuArgs,
    env: {
      VFIO_VIA: via,
      LD_PRELOAD: featureLogs[arch],
      VFIO_TEST_FEATURES: '/tmp/vfio-features',
      ...env,
    },
    timeout: 25 * 60_000,
    stdout,
    stderr,
  });
  return exitCode;
}

async function run(args, stdout, stderr) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, [NOVIRT.variable]: NOVIRT.kernel, VFIO_TEST_DOWNLOAD: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(stdout, { end: false });
  child.stderr.pipe(stderr, { end: false });
  const [exitCode] = await once(child, 'close');
  return exitCode;
}

/** Returns a function that runs a part by ava on this machine. */
const onHost =
  (...args) =>
  (label) =>
    runOne(label, (...streams) =>
      run(['node_modules/ava/entrypoints/cli.mjs', '--tap', ...args], ...streams),
    );

/**
 * The seed of the random scripts in a short run. With a seed from the clock, a short run could find
 * a difference that is older than the tested change. A full run and `npm run test:differential` take
 * their seeds from the clock.
 */
const SEED = 1;

/**
 * Runs random scripts on the devices of a kernel and on mock devices. Prints the seed of the
 * scripts.
 */
async function agrees(label, { kernel, via }, operations) {
  const seed = FULL ? [] : ['--seed', `${SEED}`];
  const args = ['--kernel', kernel, '--via', via, '--ops', `${operations}`, ...seed];
  const { failed } = await runOne(label, (...streams) =>
    run(['dist/test/differential/main.js', ...args], ...streams),
  );
  return failed === 0;
}

const comparable = EMULATED.filter((run) => lacks(run) === undefined);
/** The parts of the run. The longest part comes first, so that no part runs alone at the end. */
const parts = [
  { label: 'host', start: onHost('--config', 'scripts/ava.host.mjs') },
  ...RUNS.filter((run) => {
    const lack = lacks(run);
    if (lack !== undefined) console.log(`skipped, ${run.label ?? run.via}: ${lack}`);
    return lack === undefined;
  }).map((run) => ({
    label: `${basename(run.kernel)} ${run.label ?? run.via}`,
    start: (label) => runInGuest(label, run),
  })),
  { label: 'lspci', start: onHost('dist/test/pci/**/*.test.js') },
  // A short run compares only one kernel, and each day a different kernel.
  ...(FULL ? comparable : [today(comparable)]).map((compared) => ({
    label: `differential ${basename(compared.kernel)} ${compared.via}`,
    start: async (label) => {
      const equal = await agrees(label, compared, FULL ? 20_000 : 500);
      return { passed: Number(equal), failed: Number(!equal) };
    },
  })),
];
const waiting = parts.filter(
  ({ label }) => words.length === 0 || words.some((word) => label.includes(word)),
);
if (waiting.length === 0) {
  throw new Error(`no part has such a name: ${parts.map(({ label }) => label).join(', ')}`);
}
const sum = { passed: 0, failed: 0 };

/** Takes parts one by one. A guest needs little more than one CPU, so two parts run at a time. */
async function work() {
  for (let part; (part = waiting.shift());) {
    const { passed, failed } = await part.start(part.label);
    sum.passed += passed;
    sum.failed += failed;
  }
}

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed === 0 ? 0 : 1;
