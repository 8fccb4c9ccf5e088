import {
  createEventfd,
  DSA_LAYOUT,
  type Eventfd,
  ImsDomain,
  type ImsDomainOptions,
  openDeviceSync,
} from 'vfio/mock';
import { FakeHost, FakeIms } from './fake-ims.js';

/** Creates eventfds and event sets of the mock. No interrupt fires during a call of the library. */
const NO_STEPS = {
  step: () => undefined,
  createEventfd,
  createEventSet: (capacity: number) =>
    openDeviceSync('mock:nvme').connection.createEventSet(capacity),
};

/** Creates a device with the slots of DSA, and a domain for the device. */
export function dsa(
  slots: number,
  options: Partial<ImsDomainOptions> = {},
  capacity = Infinity,
): { host: FakeHost; device: FakeIms; domain: ImsDomain } {
  const host = new FakeHost(NO_STEPS, capacity);
  const device = new FakeIms(host, slots);
  const domain = new ImsDomain({
    layout: DSA_LAYOUT,
    storage: device.registers,
    hostVectors: host,
    ...options,
  });
  return { host, device, domain };
}

/** Creates an eventfd that calls a function at each signal. */
export function onSignal(signal: () => void): Eventfd {
  return { fd: null, signal, read: () => 0n, close: () => undefined };
}
