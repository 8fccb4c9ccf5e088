// The objects of the kernel back end that test/fuzz/arguments.test.ts calls.
import type { ExecutionContext } from 'ava';
import type { Eventfd } from 'vfio';
import { PAGE_SIZE } from '../../lib/checks.js';
import { signalAll } from '../../lib/backend/linux/eventfd.js';
import { make } from '../backend/kernel/backend.js';
import { goodHost } from '../sysfs/tree.js';
import { BIND } from './public-objects.js';
import { exportTargets, type GoodArguments, objectTarget, type World } from './targets.js';

/** Opens a device of the kernel back end. A fake kernel answers the system calls. */
export function createKernelWorld(t: ExecutionContext): World {
  const { fake, backend } = make(goodHost(t));
  const connection = backend.openSync('0000:01:00.0', {});
  const other = backend.openSync('0000:02:00.0', {});
  const { addressSpace } = connection;
  const memory = addressSpace.allocate(PAGE_SIZE, false);
  const eventfd = connection.createEventfd();
  const named = {
    DeviceConnection: connection,
    AddressSpace: addressSpace,
    Memory: memory,
    RegisterWindow: connection.map(0, 0, PAGE_SIZE),
    Eventfd: eventfd,
    EventSet: connection.createEventSet(8),
  };
  const signalEventfds = (eventfds: readonly Eventfd[]) => {
    signalAll(() => fake.native, eventfds);
  };
  const good: GoodArguments = {
    signalEventfds: () => [[eventfd, { fd: null, signal: () => undefined }, { fd: 5 }]],
    'AddressSpace.allocate': () => [PAGE_SIZE, false],
    'AddressSpace.fromFd': () => [5, 0, PAGE_SIZE, true],
    'AddressSpace.map': () => [memory, 0, BigInt(PAGE_SIZE), 0x10_0000n, 3],
    'AddressSpace.mapSync': () => [memory, 0, BigInt(PAGE_SIZE), 0x10_0000n, 3],
    'AddressSpace.unmap': () => [0x10_0000n, BigInt(PAGE_SIZE), 0],
    'DeviceConnection.feature': () => [1 << 17, new Uint8Array(16), eventfd],
    'DeviceConnection.hotReset': () => [[other]],
    'DeviceConnection.ioeventfd': () => [{ region: 0, offset: 8, width: 4, value: 1n, eventfd }],
    'DeviceConnection.load': () => [0, 0, 4],
    'DeviceConnection.map': () => [0, 0, PAGE_SIZE],
    'DeviceConnection.read': () => [7, 0, new Uint8Array(16)],
    'DeviceConnection.setAffinity': () => [2, 0, [0]],
    'DeviceConnection.setIrqs': () => [{ ...BIND, eventfds: [eventfd, null, 5], argsz: 24 }],
    'DeviceConnection.store': () => [0, 0x14, 4, 0],
    'DeviceConnection.synchronizeIrqs': () => [2, [0]],
    'DeviceConnection.write': () => [7, 0x3c, new Uint8Array(1)],
    'EventSet.add': () => [0, eventfd, true],
    'EventSet.serve': () => [() => undefined],
    'RegisterWindow.readBlock': () => [0, new Uint8Array(8), 4],
    'RegisterWindow.writeBlock': () => [0, new Uint8Array(8), 4],
  };
  const targets = [
    ...exportTargets({ signalEventfds }),
    ...Object.entries(named).map(([name, object]) => objectTarget(name, object)),
  ];
  const close = () => {
    connection.close();
    other.close();
  };
  return { targets, objects: Object.values(named), good, close };
}
