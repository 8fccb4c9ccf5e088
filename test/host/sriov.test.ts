import { rmSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { VfioError } from '../../lib/errors.js';
import { applySriov, planSriov, readPhysicalFunction } from '../../lib/host/sriov.js';
import { FakeHost } from './fake-host.js';
import { link, mounts, opener } from './machine.js';

const PF = '0000:01:00.0';
const NUMBER = `/sys/bus/pci/devices/${PF}/sriov_numvfs`;
const AUTOPROBE = `/sys/bus/pci/devices/${PF}/sriov_drivers_autoprobe`;
const vf = (n: number) => `0000:01:00.${n + 1}`;

/** A host whose kernel changes the number of virtual functions only from 0 or to 0. */
class SriovHost extends FakeHost {
  /** Numbers of virtual functions that the kernel refuses. */
  readonly refusedCounts: number[] = [];
  /** The number that the kernel keeps, whatever is written; undefined for a kernel that obeys. */
  kept: number | undefined;

  constructor(t: ExecutionContext, driver?: string, virtual: (string | undefined)[] = []) {
    super(t, {
      devices: [
        { name: PF, group: 1, ...(driver === undefined ? {} : { driver }) },
        ...virtual.map((own, n) => ({
          name: vf(n),
          group: 2 + n,
          ...(own === undefined ? {} : { driver: own }),
        })),
      ],
      drivers: ['vfio-pci', 'ixgbe', 'ixgbevf'],
    });
    mounts(this, '');
    this.#set('sriov_totalvfs', 4);
    this.#set('sriov_numvfs', virtual.length);
    this.#set('sriov_drivers_autoprobe', 1);
    this.#link(virtual.length);
  }

  override write(path: string, text: string): void {
    if (!path.includes('sriov_')) {
      super.write(path, text);
      return;
    }
    this.writes.push(`${path.slice(this.tree.root.length)} ${text}`);
    const count = Number(text);
    if (!path.endsWith('sriov_numvfs')) {
      this.#set('sriov_drivers_autoprobe', count);
      return;
    }
    const before = Number(this.text('sys/bus/pci/devices', PF, 'sriov_numvfs'));
    if (this.refusedCounts.includes(count)) throw new VfioError({ code: 'ENOSPC', path });
    if (count > 0 && before > 0) throw new VfioError({ code: 'EBUSY', path });
    for (let n = 0; n < before; n++) rmSync(`${this.device(PF)}/virtfn${n}`);
    this.#set('sriov_numvfs', this.kept ?? count);
    this.#link(count);
  }

  #set(file: string, value: number): void {
    this.tree.file(`sys/bus/pci/devices/${PF}/${file}`, `${value}\n`);
  }

  #link(count: number): void {
    for (let n = 0; n < count; n++) {
      link(this, `sys/bus/pci/devices/${PF}/virtfn${n}`, `sys/bus/pci/devices/${vf(n)}`);
    }
  }
}

function run(host: SriovHost, count: number, { force = false, quiet = false } = {}): string[] {
  applySriov(host, planSriov(host, PF, count, quiet), force);
  return host.writes;
}

test('the number of virtual functions is written once, if the device has none', (t) => {
  t.deepEqual(run(new SriovHost(t, 'ixgbe'), 2), [`${NUMBER} 2`]);
  t.deepEqual(run(new SriovHost(t, 'ixgbe'), 0), []);
});

test('another number of virtual functions is written after 0', (t) => {
  t.deepEqual(run(new SriovHost(t, 'ixgbe', [undefined]), 3), [`${NUMBER} 0`, `${NUMBER} 3`]);
  t.deepEqual(run(new SriovHost(t, 'ixgbe', [undefined]), 1), []);
  t.deepEqual(run(new SriovHost(t, 'ixgbe', [undefined]), 0), [`${NUMBER} 0`]);
});

test('without autoprobe, no driver of the host is bound, and autoprobe is on again', (t) => {
  const writes = run(new SriovHost(t, 'ixgbe'), 2, { quiet: true });
  t.deepEqual(writes, [`${AUTOPROBE} 0`, `${NUMBER} 2`, `${AUTOPROBE} 1`]);
});

test('a virtual function with a driver or an opener is removed only with force', (t) => {
  const used = new SriovHost(t, 'ixgbe', ['ixgbevf', undefined]);
  for (const count of [0, 1]) {
    const error = t.throws(() => run(used, count), { instanceOf: VfioError, code: 'EBUSY' });
    t.regex(error.message, /in use: virtual function 0000:01:00.1 \(ixgbevf\)/);
    t.notRegex(error.message, /01:00.2/);
    t.regex(error.hint ?? '', /--force/);
  }
  t.deepEqual(used.writes, []);
  t.deepEqual(run(used, 0, { force: true }), [`${NUMBER} 0`]);

  const open = new SriovHost(t, 'vfio-pci', ['vfio-pci']);
  opener(open, 77, 'qemu', 'vfio/2');
  t.regex(t.throws(() => run(open, 0)).message, /vfio-pci, open in qemu \(77\)/);
});

test('a number that the device does not have is refused before any write', (t) => {
  const host = new SriovHost(t, 'ixgbe', ['ixgbevf']);
  const error = t.throws(() => run(host, 5, { force: true }), { instanceOf: VfioError });
  t.like(error, { code: 'EINVAL', path: PF });
  t.regex(error.message, /5 virtual functions exceed the 4 of the device/);
  t.deepEqual(host.writes, []);
});

test('a physical function without a driver, or with vfio-pci, needs a setting first', (t) => {
  const unbound = new SriovHost(t);
  t.regex(t.throws(() => run(unbound, 1)).message, /^ENOENT: without a driver/);
  const host = new SriovHost(t, 'vfio-pci');
  const parameter = 'sys/module/vfio_pci/parameters/enable_sriov';
  host.tree.file(parameter, 'N\n');
  const error = t.throws(() => run(host, 1), { instanceOf: VfioError, code: 'ENOENT' });
  t.regex(error.hint ?? '', /echo Y > \/sys\/module\/vfio_pci\/parameters\/enable_sriov/);
  host.tree.file(parameter, 'Y\n');
  t.deepEqual(run(host, 1), [`${NUMBER} 1`]);
});

test('if the kernel refuses the new number, the old number is written again', (t) => {
  const host = new SriovHost(t, 'ixgbe', [undefined]);
  host.refusedCounts.push(3);
  const error = t.throws(() => run(host, 3, { quiet: true }), { instanceOf: VfioError });
  t.is(error.code, 'ENOSPC');
  t.deepEqual(host.writes, [
    `${NUMBER} 0`,
    `${AUTOPROBE} 0`,
    `${NUMBER} 3`,
    `${NUMBER} 1`,
    `${AUTOPROBE} 1`,
  ]);
});

test('the number is checked at the end', (t) => {
  const host = new SriovHost(t, 'ixgbe');
  host.kept = 1;
  const error = t.throws(() => run(host, 2), { instanceOf: VfioError, code: 'EBUSY' });
  t.regex(error.message, /the device has 1 virtual functions, not 2/);
});

test('a function without SR-IOV and a virtual function are refused', (t) => {
  const host = new SriovHost(t, 'ixgbe', ['ixgbevf']);
  link(host, `sys/bus/pci/devices/${vf(0)}/physfn`, `sys/bus/pci/devices/${PF}`);
  const read = (name: string) => () => readPhysicalFunction(host, name);
  const virtual = t.throws(read(vf(0)), { instanceOf: VfioError, code: 'ENOTSUP' });
  t.regex(virtual.hint ?? '', /The physical function is 0000:01:00.0/);
  t.throws(read('0000:09:00.0'), { instanceOf: VfioError, code: 'ENODEV' });
  t.like(readPhysicalFunction(host, PF), { driver: 'ixgbe', total: 4, autoprobe: true });
  t.like(readPhysicalFunction(host, PF).functions[0], { name: vf(0), driver: 'ixgbevf' });
});
