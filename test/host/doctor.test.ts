import { symlinkSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { examine, type Finding, type Wanted } from '../../lib/host/doctor.js';
import { type TreeSpec } from '../sysfs/tree.js';
import { FakeHost } from './fake-host.js';

const DISK = '0000:01:00.0';
const READY: TreeSpec = {
  devices: [{ name: DISK, driver: 'vfio-pci', group: 12, vfioDevice: 'vfio0' }],
  nodes: ['vfio/vfio', 'vfio/12'],
};

/**
 * Examines a correctly set up Intel machine. An entry of `files` replaces a file, and null removes
 * the file.
 */
function machine(
  t: ExecutionContext,
  spec: TreeSpec = READY,
  files: Readonly<Record<string, string | null>> = {},
): FakeHost {
  const host = new FakeHost(t, spec);
  const all: Record<string, string | null> = {
    'proc/cpuinfo': 'processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n',
    'proc/interrupts': '  0:  44  IR-IO-APIC    2-edge      timer\n',
    'proc/cmdline': 'root=/dev/sda1 intel_iommu=on\n',
    'proc/self/status': 'Name:\tnode\nCapEff:\t0000000000000000\n',
    'sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts': 'N\n',
    'sys/firmware/acpi/tables/DMAR': '',
    'sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages': '4\n',
    'sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages': '3\n',
    'sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n',
    ...files,
  };
  for (const [path, content] of Object.entries(all)) {
    if (content !== null) host.tree.file(path, content);
  }
  return host;
}

const problems = (found: readonly Finding[]) =>
  found.filter(({ state }) => state === 'problem').map(({ check, text }) => `${check}: ${text}`);

const about = (found: readonly Finding[], check: string) =>
  found.find((finding) => finding.check === check);

function examined(
  t: ExecutionContext,
  spec?: TreeSpec,
  files?: Readonly<Record<string, string | null>>,
  wanted?: Wanted,
): Finding[] {
  const host = machine(t, spec, files);
  const found = examine(host, wanted);
  t.deepEqual(host.writes, []);
  for (const { check, state, fix } of found) {
    if (state === 'problem') t.truthy(fix, `${check} has no fix`);
  }
  return found;
}

test('doctor reports no problem on a correctly set up machine', (t) => {
  const found = examined(t);
  t.deepEqual(problems(found), []);
  t.is(about(found, 'iommu')?.text, 'on: 1 groups');
  t.is(about(found, 'interrupt remapping')?.text, 'on');
  t.is(about(found, DISK)?.text, 'ready');
  t.is(about(found, 'huge pages')?.text, '3 of 4 pages of 2 MiB free; transparent: madvise');
});

const NO_GROUPS: TreeSpec = { ...READY, devices: [{ name: DISK, driver: 'nvme' }] };

for (const [what, files, text, fix] of [
  ['not used', { 'proc/cmdline': 'root=/dev/sda1\n' }, /has VT-d/, /add intel_iommu=on/],
  ['turned off', { 'proc/cmdline': 'intel_iommu=off\n' }, /turned off/, /remove intel_iommu=off/],
  [
    'not turned on in the firmware',
    { 'sys/firmware/acpi/tables/DMAR': null },
    /firmware describes no IOMMU/,
    /turn on VT-d or AMD-Vi/,
  ],
  [
    'not given to a virtual machine',
    {
      'sys/firmware/acpi/tables/DMAR': null,
      'proc/cpuinfo': 'vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor\n',
    },
    /firmware describes no IOMMU/,
    /-device intel-iommu,intremap=on/,
  ],
  [
    'broken',
    { 'sys/firmware/acpi/tables/DMAR': null, 'sys/firmware/acpi/tables/IVRS': '' },
    /\(IVRS\)/,
    /dmesg/,
  ],
] as const) {
  test(`doctor reports an IOMMU that is ${what} as a problem and prints a fix`, (t) => {
    const finding = about(examined(t, NO_GROUPS, files), 'iommu');
    t.is(finding?.state, 'problem');
    t.regex(finding?.text ?? '', text);
    t.regex(finding?.fix ?? '', fix);
  });
}

/** An arm64 machine: the files that differ from the files of an Intel machine. */
const ARM64 = {
  'proc/cpuinfo': 'processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n',
  'proc/interrupts': ' 27:  3  ITS-PCI-MSIX-0000:00:01.0   0 Edge  nvme0q0\n',
  'proc/cmdline': 'root=/dev/sda1\n',
  'sys/firmware/acpi/tables/DMAR': null,
} as const;

test('on arm64, doctor names the SMMU, IORT and the ITS', (t) => {
  const good = examined(t, READY, ARM64);
  t.deepEqual(problems(good), []);
  t.is(about(good, 'interrupt remapping')?.text, 'on (ITS)');
  const idle = examined(t, READY, {
    ...ARM64,
    'proc/interrupts': ' 11:  9  GICv3  27 Level  timer\n',
  });
  t.is(about(idle, 'interrupt remapping'), undefined);
  const v2m = {
    ...ARM64,
    'proc/interrupts': ' 48:  9  GICv2m-PCI-MSI-0000:00:01.0  0 Edge  nvme\n',
  };
  const off = about(examined(t, READY, v2m), 'interrupt remapping');
  t.is(off?.state, 'problem');
  t.regex(off?.fix ?? '', /has an ITS; for QEMU -machine virt,gic-version=3;/);
  for (const [table, text] of [
    ['IORT', /IORT/],
    ['DSDT', /device tree/],
  ] as const) {
    const files = { ...ARM64, [`sys/firmware/acpi/tables/${table}`]: '' };
    const none = about(examined(t, NO_GROUPS, files), 'iommu');
    t.is(none?.state, 'problem');
    t.regex(none?.text ?? '', text);
    t.regex(none?.fix ?? '', /-machine virt,gic-version=3,iommu=smmuv3/);
    t.notRegex(none?.fix ?? '', /VT-d|q35|intel/);
  }
});

test('doctor reports a problem, or with unsafe interrupts a warning, if interrupt remapping is off', (t) => {
  const off = { 'proc/interrupts': '  0:  44  IO-APIC    2-edge      timer\n' };
  t.regex(problems(examined(t, READY, off))[0] ?? '', /^interrupt remapping: off/);
  const trusted = 'sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts';
  const found = examined(t, READY, { ...off, [trusted]: 'Y\n' });
  t.is(about(found, 'interrupt remapping')?.state, 'warning');
});

test('doctor formats the small huge pages of arm64', (t) => {
  const pool = 'sys/kernel/mm/hugepages/hugepages-64kB';
  const files = { [`${pool}/nr_hugepages`]: '2\n', [`${pool}/free_hugepages`]: '1\n' };
  t.regex(
    about(examined(t, READY, files), 'huge pages')?.text ?? '',
    /1 of 2 pages of 64 KiB free/,
  );
});

test('doctor reports a driver that is not loaded and prints the modprobe command', (t) => {
  const found = examined(t, { ...READY, drivers: ['nvme'] });
  t.is(about(found, 'vfio-pci')?.fix, 'modprobe vfio-pci');
  const type1 = 'sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts';
  const without = examined(t, READY, { [type1]: null });
  t.is(about(without, 'vfio_iommu_type1')?.fix, 'modprobe vfio_iommu_type1');
});

test('doctor reports a machine without a VFIO interface; iommufd alone is enough', (t) => {
  t.is(about(examined(t, { ...READY, nodes: [] }), 'interface')?.state, 'problem');
  const nodes = ['iommu', 'vfio/devices/vfio0'];
  const found = examined(t, { ...READY, nodes });
  t.deepEqual(problems(found), []);
  t.regex(about(found, 'interface')?.text ?? '', /iommufd/);
});

test('doctor reports a group member with a host driver as a problem', (t) => {
  const devices = [
    ...(READY.devices ?? []),
    { name: '0000:01:00.1', driver: 'snd_hda_intel', group: 12 },
  ];
  const found = examined(t, { ...READY, devices });
  t.is(about(found, 'group 12')?.fix, 'sudo vfio bind 0000:01:00.1');
  t.regex(about(found, 'group 12')?.text ?? '', /0000:01:00\.1 \(snd_hda_intel\)/);

  const bridge = {
    name: '0000:01:00.1',
    driver: 'lpc_ich',
    group: 12,
    files: { class: '0x060100' },
  };
  const other = examined(t, { ...READY, devices: [...(READY.devices ?? []), bridge] });
  t.regex(about(other, 'group 12')?.fix ?? '', /^as root: echo 0000:01:00\.1 > .*\/driver\/unbind/);
});

test('doctor reports a given function with another driver, and a machine without a bound function', (t) => {
  const spec = { ...READY, devices: [{ name: DISK, driver: 'nvme', group: 12 }] };
  const found = examined(t, spec, {}, { device: DISK });
  t.is(about(found, DISK)?.text, 'bound to nvme, not to vfio-pci');
  t.is(about(found, DISK)?.fix, `sudo vfio bind ${DISK}`);
  t.is(about(examined(t, spec), 'devices')?.state, 'problem');
});

test('doctor reports a missing device node as a problem', (t) => {
  const found = examined(t, { ...READY, nodes: ['vfio/vfio'] });
  t.regex(about(found, DISK)?.text ?? '', /^no .*dev\/vfio\/12$/);
});

test('doctor reports a memlock limit that is below the given memory size as a problem', (t) => {
  const spec = { ...READY, memlock: '8388608' };
  t.is(about(examined(t, spec), 'memlock')?.state, 'note');
  const little = examined(t, spec, {}, { memory: 8n << 20n });
  t.is(about(little, 'memlock')?.text, '8 MiB, enough for 8 MiB');
  const much = about(examined(t, spec, {}, { memory: 256n << 20n }), 'memlock');
  t.is(much?.state, 'problem');
  t.regex(much?.fix ?? '', /ulimit -l 262144/);
  const root = { 'proc/self/status': 'CapEff:\t000001ffffffffff\n' };
  t.is(about(examined(t, spec, root, { memory: 256n << 20n }), 'memlock')?.state, 'ok');
});

test('in another user namespace, the memlock limit applies even to a process with CAP_IPC_LOCK', (t) => {
  const spec = { ...READY, memlock: '8388608' };
  const wanted = { memory: 256n << 20n };
  const root = { 'proc/self/status': 'CapEff:\t000001ffffffffff\n' };
  const state = (map: string) => {
    const files = { ...root, 'proc/self/uid_map': map };
    return about(examined(t, spec, files, wanted), 'memlock')?.state;
  };
  t.is(state('         0          0 4294967295\n'), 'ok');
  t.is(state('         0       1000          1\n'), 'problem');
  const host = machine(t, spec, { ...root, 'proc/self/uid_map': '0 0 4294967295\n' });
  host.tree.folder('proc/self/ns');
  symlinkSync('user:[4026532200]', host.path('proc/self/ns/user'));
  t.is(about(examine(host, wanted), 'memlock')?.state, 'problem');
});

test('doctor reports that a VF needs the VF token if its physical function is bound to vfio-pci', (t) => {
  const owner = '0000:02:00.0';
  const virtual = (driver: string) => {
    const spec = {
      ...READY,
      devices: [...(READY.devices ?? []), { name: owner, driver, group: 13 }],
    };
    const host = machine(t, spec);
    symlinkSync(`../${owner}`, host.path('sys/bus/pci/devices', DISK, 'physfn'));
    return about(examine(host, { device: DISK }), DISK);
  };
  const finding = virtual('vfio-pci');
  t.deepEqual([finding?.state, finding?.text], ['note', `ready with the VF token of ${owner}`]);
  t.regex(finding?.fix ?? '', /UUID with which 0000:02:00\.0 was opened.*--vf-token/);
  t.is(virtual('igb')?.text, 'ready');
});

test('doctor reports lockdown mode and a container as notes', (t) => {
  const found = examined(t, READY, {
    'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
    '.dockerenv': '',
  });
  t.regex(about(found, 'lockdown')?.text ?? '', /^integrity/);
  t.regex(about(found, 'container')?.fix ?? '', /--device \/dev\/vfio\/<group>/);
  t.deepEqual(problems(found), []);
  const none = examined(t, READY, {
    'sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
  });
  t.is(about(none, 'lockdown'), undefined);
});

test('doctor reports a missing IOMMU as a problem, and the unsafe no-IOMMU mode as a warning', (t) => {
  const unsafe = { 'sys/module/vfio/parameters/enable_unsafe_noiommu_mode': 'Y\n' };
  const found = examined(t, NO_GROUPS, unsafe);
  t.deepEqual(
    found.filter(({ check }) => check === 'iommu').map(({ state }) => state),
    ['problem', 'warning'],
  );
});
