import test from 'ava';
import {
  ImsDomain,
  ImsSource,
  memoryStorage,
  openConnection,
  PhysicalSource,
  SoftwareSource,
  VfioError,
  VirtualMsix,
} from 'vfio/mock';
import { DSA_LAYOUT, DeviceHostVectors, type VectorSource } from 'vfio/mock';

const PLACE = { table: { bar: 0, offset: 0 }, pba: { bar: 0, offset: 0x800 } };

test('a source belongs to one table: a second table is refused with EBUSY', async (t) => {
  const nvme = await openConnection('mock:nvme#connect');
  const hostVectors = new DeviceHostVectors(nvme, {
    message: () => ({ address: 0xfee0_0000n, data: 1 }),
  });
  const storage = memoryStorage(new Uint8Array(1024));
  const physicalDevice = await openConnection('mock:nvme#connect-physical');
  const sources: readonly VectorSource[] = [
    new SoftwareSource(new VirtualMsix({ vectors: 4, ...PLACE })),
    new PhysicalSource(physicalDevice),
    new ImsSource(new ImsDomain({ layout: DSA_LAYOUT, storage, hostVectors }), { count: 4 }),
  ];
  for (const source of sources) {
    const range = { count: 4 };
    new VirtualMsix({ vectors: 4, ...PLACE }).attach(source, range);
    const second = new VirtualMsix({ vectors: 4, ...PLACE });
    const error = { instanceOf: VfioError, code: 'EBUSY' };
    t.throws(
      () => {
        second.attach(source, range);
      },
      error,
      source.name,
    );
  }
  nvme.close();
  physicalDevice.close();
});

test('a software source can mark further vectors of its table as emulated', (t) => {
  const msix = new VirtualMsix({ vectors: 4, ...PLACE });
  const software = new SoftwareSource(msix);
  software.emulate(0, 1);
  software.emulate(2, 2);
  t.deepEqual(
    [0, 1, 2, 3].map((vector) => software.emulates(vector)),
    [true, false, true, true],
  );
});
