import test from 'ava';
import type { CapabilityShape } from '../../../../lib/backend/mock/hardware/model.js';
import { declareConfig } from '../../../../lib/backend/mock/hardware/declare.js';
import { device, EXPRESS, shown, writeOnes } from './capabilities.js';
import { CONFIG, connect, plainModel } from '../support.js';

const AER = [EXPRESS, { name: 'aer', offset: 0x100 }] as const;

test('only the masks, severities and ECRC enables of AER are writable', (t) => {
  const connection = device(t, AER);
  t.is(connection.load(CONFIG, 0x100, 4), 0x0002_0001);
  t.deepEqual(
    writeOnes(connection, 0x100, 11),
    [0x0002_0001, 0, 0x03ff_f030, 0x03ff_f030, 0, 0xf1c1, 0x1e0, 0, 0, 0, 0],
  );
  // The severity bits can also be cleared.
  connection.store(CONFIG, 0x10c, 4, 0);
  t.is(connection.load(CONFIG, 0x10c, 4), 0);
});

test('a write to the selector of power budgeting reaches the device', (t) => {
  const connection = device(t, [EXPRESS, { name: 'power_budgeting', offset: 0x100 }]);
  t.deepEqual(writeOnes(connection, 0x100, 4), [0x0001_0004, 0xff, 0, 0]);
  t.deepEqual(shown(connection), ['pcie', 'power_budgeting']);
});

test('the bytes of VSEC and DVSEC are raw, but Linux 6.1 hides DVSEC from the list', (t) => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const shapes = [
    EXPRESS,
    { name: 'serial_number', offset: 0x100, value: 0x1122_3344_5566_7788n },
    { name: 'vsec', offset: 0x120, id: 7, revision: 2, bytes },
    { name: 'dvsec', offset: 0x140, vendor: 0x1e98, id: 3, bytes },
    { name: 'ltr', offset: 0x160 },
  ] as const;
  const names = ['pcie', 'serial_number', 'vsec', 'dvsec', 'ltr'];
  for (const kernel of ['6.12', '7.2', '7.3'] as const) {
    const connection = device(t, shapes, kernel);
    t.deepEqual(shown(connection), names);
    t.is(connection.load(CONFIG, 0x124, 4), 0x00c2_0007);
    t.is(connection.load(CONFIG, 0x144, 4), 0x00e0_1e98);
    t.is(connection.load(CONFIG, 0x148, 2), 3);
    // Writes reach the device. The header of the device is writable, but vfio-pci returns a virtual
    // link.
    connection.store(CONFIG, 0x144, 4, 0);
    t.is(connection.load(CONFIG, 0x144, 4), 0);
    connection.store(CONFIG, 0x140, 4, 0xffff_ffff);
    t.is(connection.load(CONFIG, 0x140, 4), 0x1601_0023);
  }
  const old = device(t, shapes, '6.1');
  t.deepEqual(
    shown(old),
    names.filter((name) => name !== 'dvsec'),
  );
  t.is(old.load(CONFIG, 0x120, 4) >>> 20, 0x160);
  t.is(old.load(CONFIG, 0x140, 2), 0x0023);
});

test('ACS, ARI, ATS, SR-IOV, PRI, resizable BAR, DPA, TPH, LTR, VC are read-only', (t) => {
  const names = [
    'vc',
    'acs',
    'ari',
    'ats',
    'sriov',
    'pri',
    'resizable_bar',
    'dpa',
    'tph',
    'ltr',
    'multicast',
  ] as const;
  const shapes: CapabilityShape[] = [EXPRESS];
  for (const [i, name] of names.entries()) shapes.push({ name, offset: 0x100 + 0x80 * i });
  const connection = device(t, shapes);
  t.deepEqual(shown(connection), ['pcie', ...names]);
  for (const [i] of names.entries()) {
    const before = connection.load(CONFIG, 0x100 + 0x80 * i, 4);
    t.deepEqual(writeOnes(connection, 0x100 + 0x80 * i, 2), [before, 0]);
  }
});

test('the mock computes the length of a variable-size capability as the kernel does', (t) => {
  const header = (size: number, ...at: [number, number][]) => {
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    for (const [offset, value] of at) view.setUint32(offset - 4, value, true);
    return bytes;
  };
  const ends: [CapabilityShape, number][] = [
    [{ name: 'acs', offset: 0x100, bytes: header(0x40, [4, 0x0820]) }, 8 + 4],
    [{ name: 'acs', offset: 0x100, bytes: header(0x40, [4, 0x0020]) }, 8 + 32],
    [{ name: 'resizable_bar', offset: 0x100, bytes: header(0x40, [8, 3 << 5]) }, 4 + 24],
    [{ name: 'dpa', offset: 0x100, bytes: header(0x40, [4, 3]) }, 20],
    [{ name: 'tph', offset: 0x100, bytes: header(0x40, [4, 0x0001_0200]) }, 16],
    [{ name: 'vc', offset: 0x100, bytes: header(0x80, [4, 1]) }, 0x1c],
    [{ name: 'vc', offset: 0x100, bytes: header(0x80, [4, 1], [8, 2]) }, 0x20 + 4],
  ];
  for (const [shape, length] of ends) {
    // All bits of the device are writable, so a bit that a write does not change is virtual.
    const bytes = declareConfig(plainModel([EXPRESS, shape]).shape);
    const writable = new Map([[0x104, new Uint8Array(0x100).fill(0xff)]]);
    const connection = connect(t, plainModel([], undefined, { image: { bytes, writable } }));
    // The first dword after the capability is raw. The last dword of the capability is virtual.
    connection.store(CONFIG, 0x100 + length, 4, 0x1234_5678);
    t.is(connection.load(CONFIG, 0x100 + length, 4), 0x1234_5678, `${shape.name} ${length}`);
    const last = 0x100 + length - 4;
    const before = connection.load(CONFIG, last, 4);
    connection.store(CONFIG, last, 4, ~before >>> 0);
    t.is(connection.load(CONFIG, last, 4), before, `${shape.name} ${length}`);
  }
});

test('PASID and newer capabilities are hidden, and their bytes are raw', (t) => {
  const connection = device(t, [
    EXPRESS,
    { name: 'serial_number', offset: 0x100, value: 0n },
    { name: 'pasid', offset: 0x120 },
    { name: 'l1_pm_substates', offset: 0x140 },
    { name: 'ltr', offset: 0x160 },
  ]);
  t.deepEqual(shown(connection), ['pcie', 'serial_number', 'ltr']);
  t.is(connection.load(CONFIG, 0x120, 4), 0x1401_001b);
  // The kernel does not know the length of a hidden capability, so the bytes after the capability
  // are raw.
  connection.store(CONFIG, 0x128, 4, 0xffff_ffff);
  t.is(connection.load(CONFIG, 0x128, 4), 0xffff_ffff);
});

test('if the first extended capability is hidden, only its link is visible', (t) => {
  const connection = device(t, [
    EXPRESS,
    { name: 'pasid', offset: 0x100 },
    { name: 'ltr', offset: 0x120 },
  ]);
  t.is(connection.load(CONFIG, 0x100, 4), 0x1200_0000);
  connection.store(CONFIG, 0x100, 4, 0xffff_ffff);
  t.is(connection.load(CONFIG, 0x100, 4), 0x1200_0000);
  t.deepEqual(shown(connection), ['pcie', 'ltr']);
});

test('if all extended capabilities are hidden, the list is empty', (t) => {
  const connection = device(t, [
    EXPRESS,
    { name: 'pasid', offset: 0x100 },
    { name: 'ptm', offset: 0x120 },
  ]);
  t.is(connection.load(CONFIG, 0x100, 4), 0);
  t.deepEqual(shown(connection), ['pcie']);
});

test('a physical function of SR-IOV accepts a VF token', (t) => {
  const SET = 1 << 17;
  const GET = 1 << 16;
  const connection = device(t, [EXPRESS, { name: 'sriov', offset: 0x100 }]);
  t.is(connection.feature(SET, new Uint8Array(16)), 0);
  t.throws(() => connection.feature(SET, new Uint8Array(15)), { code: 'EINVAL' });
  t.throws(() => connection.feature(GET, new Uint8Array(16)), { code: 'EINVAL' });
  t.throws(() => device(t, [EXPRESS]).feature(SET, new Uint8Array(16)), { code: 'ENOTTY' });
});
