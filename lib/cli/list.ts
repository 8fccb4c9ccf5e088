import { Host } from '../host/host.js';
import { PciIds } from '../host/pci-ids.js';
import { checkReadiness, type Readiness } from '../host/readiness.js';
import type { PciFunction } from '../index.js';
import { formatState } from './binding.js';
import { defineCommand } from './command.js';
import { isMockName } from '../contract/names.js';
import { listMockDevices } from './devices.js';
import { toJson } from './json.js';
import { columns } from './table.js';
import { paint } from './terminal.js';

const MOCK_READINESS: Readiness = { ready: true };

/** Collects the properties of one function. */
function describe(host: Host, ids: PciIds, one: PciFunction) {
  const real = !isMockName(one.name);
  const group = real ? host.group(one.name) : null;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const names = ids.names(one);
  return {
    name: one.name,
    ids: `${hex(one.vendorId, 4)}:${hex(one.deviceId, 4)}`,
    subsystem: `${hex(one.subsystemVendorId, 4)}:${hex(one.subsystemId, 4)}`,
    class: hex(one.classCode, 6),
    revision: one.revision,
    vendorName: names.vendor,
    deviceName: names.device,
    className: names.class,
    driver: one.driver,
    iommuGroup: one.iommuGroup,
    groupMembers: group === null ? [one.name] : host.members(group).map(({ name }) => name),
    ...(real ? checkReadiness(host, one.name) : MOCK_READINESS),
  };
}

type Description = ReturnType<typeof describe>;

/** Formats the class and the names of a function in the format of lspci. */
function title({ className, vendorName, deviceName, class: code, ids }: Description): string {
  const unknown = `Device ${vendorName === null ? ids : ids.slice(5)}`;
  const device = [vendorName, deviceName ?? unknown].filter((part) => part !== null).join(' ');
  return `${className ?? `Class ${code.slice(0, 4)}`}: ${device}`;
}

function row(one: Description): string[] {
  const others = one.groupMembers.length - 1;
  const shared = others === 0 ? '' : ` (+${others})`;
  return [
    one.name,
    one.ids,
    one.driver ?? '-',
    one.iommuGroup === null ? '-' : `${one.iommuGroup}${shared}`,
    formatState(one),
    title(one),
  ];
}

export const command = defineCommand({
  about: `Lists the PCI functions of this machine and the mock devices. Each row contains the
    address, the ids, the kernel driver, the IOMMU group (with the number of other members) and the
    state. The state is ready, or the reason why a program cannot open the function now. The names
    are read from the system's file pci.ids. Devices of vfio-user servers are not listed. The command
    opens no device and needs no privileges.`,
  operands: {},
  options: {
    json: {
      type: 'boolean',
      help: 'prints an array of objects, which also contain group members and hints',
    },
  },
  examples: ['vfio list'],
  async run({ options }) {
    const host = new Host();
    const ids = PciIds.ofSystem();
    const all = [...host.list(), ...(await listMockDevices())];
    const found = all.map((one) => describe(host, ids, one));
    if (options.json) {
      console.log(toJson(found));
      return 0;
    }
    const heading = ['DEVICE', 'IDS', 'DRIVER', 'GROUP', 'STATE', 'NAME'];
    const [first = '', ...lines] = columns([heading, ...found.map(row)]).split('\n');
    console.log([paint('bold', first), ...lines].join('\n'));
    return 0;
  },
});
