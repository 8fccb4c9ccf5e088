import {
  createEventfd,
  DSA_LAYOUT,
  type Eventfd,
  ImsDomain,
  type ImsDomainOptions,
  openDeviceSync,
} from 'vfio/mock';
import { FakeHost, FakeIms } from './fake-ims.js';

/** Eventfds and event sets of the mock, and nothing that happens in between. */
export const NO_STEPS = {
  step: () => undefined,
  createEventfd,
  createEventSet: (capacity: number) =>
    openDeviceSync('mock:nvme').connection.createEventSet(capacity),
};

/** A device with slots as DSA has them, and a domain over it. */
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

/** An eventfd that calls. */
export function onSignal(signal: () => void): Eventfd {
  return { fd: null, signal, read: () => 0n, close: () => undefined };
}
