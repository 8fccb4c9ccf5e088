import type { Activity } from './activity.js';
import { isBelow } from './below.js';
import type { Host } from './host.js';

const IFF_UP = 1;

/** Drivers that create no network interface for a network card. */
const NO_INTERFACE = ['pci-stub', 'uio_pci_generic', 'igb_uio'];

/**
 * Lists a function's network interfaces that are up, in this and in other network namespaces. If a
 * network card has no visible interface, the interface is in a namespace that this process cannot
 * read. In this case, the result says that the interface may be up.
 */
export function findInterfaceUses(host: Host, activity: Activity, name: string): string[] {
  const own = host
    .names('sys/class/net')
    .filter((one) => isBelow(host, host.target('sys/class/net', one), name))
    .map((one) => ({ one, folder: 'sys/class/net', where: '' }));
  const others = activity.namespaces.flatMap(({ process, folder }) => {
    // The links are read but not followed. A followed link would lead to the sysfs of this process.
    return host
      .names(folder)
      .filter((one) => host.link(folder, one)?.split('/').includes(name) === true)
      .map((one) => ({ one, folder, where: ` in the network namespace of ${process}` }));
  });
  const all = [...own, ...others];
  if (all.length === 0 && isNetworkCard(host, name)) {
    return [
      `the network interface of ${name} is in another network namespace, and the interface may be up`,
    ];
  }
  return all
    .filter(({ one, folder }) => (Number(host.text(folder, one, 'flags') ?? 0) & IFF_UP) !== 0)
    .map(({ one, where }) => `network interface ${one} is up${where}`);
}

function isNetworkCard(host: Host, name: string): boolean {
  const driver = host.driver(name);
  if (driver === null || driver.includes('vfio') || NO_INTERFACE.includes(driver)) return false;
  return (host.text('sys/bus/pci/devices', name, 'class') ?? '').startsWith('0x02');
}
