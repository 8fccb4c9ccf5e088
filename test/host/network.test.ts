import test, { type ExecutionContext } from 'ava';
import { findUses } from '../../lib/host/in-use.js';
import { FakeHost } from './fake-host.js';
import { link, NIC } from './machine.js';
import { mkdirSync, symlinkSync } from 'node:fs';

const NET = `sys/bus/pci/devices/${NIC}/net`;

/** A machine with a network card. The card's interface is not in this network namespace. */
function machine(t: ExecutionContext, driver = 'e1000e'): FakeHost {
  const card = { name: NIC, driver, group: 2, files: { class: '0x020000' } };
  const host = new FakeHost(t, { devices: [card] });
  link(host, 'sys/class/net/lo', 'sys/devices/virtual/net/lo');
  namespace(host, 'self', 'net:[1]');
  return host;
}

function namespace(host: FakeHost, process: string, name: string): void {
  mkdirSync(host.path('proc', process, 'ns'), { recursive: true });
  symlinkSync(name, host.path('proc', process, 'ns/net'));
}

/**
 * Adds a process in a separate network namespace. The interface of the card is in this namespace.
 */
function container(host: FakeHost, flags: string): void {
  namespace(host, '812', 'net:[2]');
  host.tree.file('proc/812/comm', 'nginx\n');
  const folder = host.path('proc/812/root/sys/class/net');
  mkdirSync(folder, { recursive: true });
  host.tree.file(`${NET}/eth0/flags`, flags);
  symlinkSync(host.path(NET, 'eth0'), `${folder}/eth0`);
}

test('a network card is in use while its interface is up in another network namespace', (t) => {
  const host = machine(t);
  container(host, '0x1003\n');
  t.deepEqual(findUses(host, NIC), [
    'network interface eth0 is up in the network namespace of nginx (812)',
  ]);
});

test('a network card is not in use while its interface is down in another network namespace', (t) => {
  const host = machine(t);
  container(host, '0x1002\n');
  t.deepEqual(findUses(host, NIC), []);
});

test('a network card without an interface in any visible namespace counts as in use', (t) => {
  const host = machine(t);
  t.deepEqual(findUses(host, NIC), [
    `the network interface of ${NIC} is in another network namespace, and the interface may be up`,
  ]);
  t.deepEqual(findUses(machine(t, 'pci-stub'), NIC), []);
});

test('the search for namespaces skips a process that sees the sysfs of this namespace', (t) => {
  const host = machine(t);
  link(host, 'sys/class/net/eth0', `${NET}/eth0`);
  host.tree.file(`${NET}/eth0/flags`, '0x1003\n');
  namespace(host, '7', 'net:[3]');
  symlinkSync(host.tree.root, host.path('proc/7/root'));
  t.deepEqual(findUses(host, NIC), ['network interface eth0 is up']);
});
