import test from 'ava';
import { openFake } from './fake.js';

/** Adds an SR-IOV capability with 16 bits at each given offset of the capability. */
function openPhysical(name: string, values: Readonly<Record<number, number>>) {
  return openFake((connection) => {
    Object.assign(connection, { name, config: new Uint8Array(4096) });
    const view = new DataView(connection.config.buffer);
    view.setUint32(0x100, 0x0001_0010, true);
    for (const [offset, value] of Object.entries(values)) {
      view.setUint16(0x100 + Number(offset), value, true);
    }
  }).device;
}

const VALUES = { 0x08: 9, 0x0c: 8, 0x0e: 8, 0x10: 3, 0x14: 0x80, 0x16: 2, 0x1a: 0x10ed };

test('sriov is null without the capability', (t) => {
  t.is(openFake().device.sriov, null);
});

test('sriov decodes the registers of the capability', (t) => {
  const { sriov } = openPhysical('0000:01:00.0', { ...VALUES, 0x1c: 0x553, 0x20: 1 });
  t.like(sriov, { enabled: true, initialVfs: 8, totalVfs: 8, numVfs: 3 });
  t.like(sriov, { firstVfOffset: 0x80, vfStride: 2, vfDeviceId: 0x10ed, systemPageSize: 4096 });
  const sizes = [4096, 8192, 65536, 262144, 1048576, 4194304];
  t.deepEqual(sriov?.supportedPageSizes, sizes);
});

test('virtualFunctions contains the addresses that the routing ids of the VFs give', (t) => {
  const list = (name: string, values = VALUES) =>
    openPhysical(name, values).sriov?.virtualFunctions;
  t.deepEqual(list('0000:01:00.0'), ['0000:01:10.0', '0000:01:10.2', '0000:01:10.4']);
  t.deepEqual(list('00a1:02:1f.7'), ['00a1:03:0f.7', '00a1:03:10.1', '00a1:03:10.3']);
  t.deepEqual(list('0000:01:00.0', { ...VALUES, 0x08: 0 }), []);
  t.deepEqual(list('mock:card'), []);
});
