import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { PciIds } from '../../lib/host/pci-ids.js';
import { temporaryFolder } from '../native/helpers.js';

const LIST = `# A few lines of the list
1000  Old Vendor
\t0010  Old device
1b36  Red Hat, Inc.
\t0001  QEMU PCI-PCI bridge
# a remark
\t0010  QEMU NVM Express Controller
\t\t1af4 1100  QEMU Virtual Machine
\t0011  Another
\t\t1af4 2200  Not ours
1b37  Next Vendor
\t0010  Next device
C 01  Mass storage controller
\t00  SCSI storage controller
\t08  Non-Volatile memory controller
\t\t01  NVMHCI
\t\t02  NVM Express
C 02  Network controller
\t00  Ethernet controller
`;

const NVME = {
  vendorId: 0x1b36,
  deviceId: 0x0010,
  subsystemVendorId: 0x1af4,
  subsystemId: 0x1100,
  classCode: 0x010802,
};

test('the names of a function’s vendor, device, subsystem and class are found by their ids', (t) => {
  t.deepEqual(new PciIds(LIST).names(NVME), {
    vendor: 'Red Hat, Inc.',
    device: 'QEMU NVM Express Controller',
    subsystem: 'QEMU Virtual Machine',
    class: 'Non-Volatile memory controller',
    programmingInterface: 'NVM Express',
  });
});

test('the name of an unlisted id is null and not the name of the next entry', (t) => {
  const ids = new PciIds(LIST);
  const strange = ids.names({
    ...NVME,
    deviceId: 0x0012,
    subsystemId: 0x2200,
    classCode: 0x0108ff,
  });
  t.is(strange.vendor, 'Red Hat, Inc.');
  t.is(strange.device, null);
  t.is(strange.subsystem, null);
  t.is(strange.programmingInterface, null);
  t.is(ids.names({ ...NVME, subsystemId: 0x2200 }).subsystem, null);
  t.is(ids.names({ ...NVME, classCode: 0x027700 }).class, 'Network controller [0277]');
  t.is(ids.names({ ...NVME, classCode: 0xff0000 }).class, null);
});

test('a subsystem with the same ids as its device gets the name of the device', (t) => {
  const own = { ...NVME, subsystemVendorId: 0x1b36, subsystemId: 0x0010 };
  t.is(new PciIds(LIST).names(own).subsystem, 'QEMU NVM Express Controller');
});

test('the file is read in UTF-8, and a section can be long', (t) => {
  const devices = Array.from(
    { length: 3000 },
    (_, id) => `\t${(0x1000 + id).toString(16)}  Prüfgerät ${id}\n`,
  );
  const path = join(temporaryFolder(), 'pci.ids');
  writeFileSync(path, `1b36  Hersteller für Geräte\n${devices.join('')}1b37  Next Vendor\n`);
  const ids = PciIds.ofSystem([path]);
  const names = ids.names({ ...NVME, deviceId: 0x1000 + 2999 });
  t.is(names.vendor, 'Hersteller für Geräte');
  t.is(names.device, 'Prüfgerät 2999');
  t.is(ids.names({ ...NVME, deviceId: 0x1000 + 3000 }).device, null);
  t.is(ids.vendor(0x1b37), 'Next Vendor');
});

test('if no list of PCI ids is installed, all names are null', (t) => {
  const names = PciIds.ofSystem(['/nonexistent/pci.ids']).names(NVME);
  t.true(Object.values(names).every((name) => name === null));
});
