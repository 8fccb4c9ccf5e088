import type {
  AddressSpace,
  CreatedAddressSpace,
  DeviceConnection,
  EventSet,
  PasidOptions,
  RegisterWindow,
} from '../contract/index.js';
import {
  type NameableWindow,
  NAME_REGISTERS,
  type WindowRegisters,
} from '../contract/register-names.js';
import type { Fired, Observer, Subject } from './observer.js';
import { observeObject, reportCall } from './proxy.js';

/** Maps each observed connection, and each observed address space, to the original. */
const originals = new WeakMap<object, object>();
/** The observed address spaces. Devices of one IOMMU group share one address space. */
const spaces = new WeakMap<Observer, WeakMap<AddressSpace, AddressSpace>>();
let lastId = 0;

/**
 * Reports the calls on a connection and on the windows, event sets and address space of the
 * connection.
 */
export function observeConnection(inner: DeviceConnection, observer: Observer): DeviceConnection {
  const subject = createSubject('device', inner);
  const connection = observeObject(inner, subject, observer, {
    properties: new Map<string, unknown>([
      ['addressSpace', observeAddressSpace(inner, observer)],
      // No observer sees the accesses to a region that another process maps.
      ['regionFile', undefined],
    ]),
    methods: {
      map(own, args) {
        const [region, offset] = args as [number, number];
        const subject = { ...createSubject('window', inner), region, offset };
        return observeWindow(own(...args) as RegisterWindow, subject, observer);
      },
      createAddressSpace(own, args) {
        const space = own(...args) as CreatedAddressSpace;
        const observed = observeObject(space, createSubject('createdSpace', inner), observer);
        originals.set(observed, originals.get(space) ?? space);
        return observed;
      },
      attachPasid(own, [pasid, options, ...rest]) {
        const { addressSpace } = (options ?? {}) as PasidOptions;
        if (addressSpace === undefined) return own(pasid, options, ...rest);
        return own(pasid, { ...(options as PasidOptions), addressSpace: originalOf(addressSpace) });
      },
      createEventSet: (own, args) =>
        observeEventSet(own(...args) as EventSet, createSubject('eventSet', inner), observer),
      hotReset(own, [others, ...rest]) {
        if (!Array.isArray(others)) return own(others, ...rest);
        return own(others.map(originalOf), ...rest);
      },
    },
  });
  originals.set(connection, originals.get(inner) ?? inner);
  return connection;
}

/** Returns the original of an observed object, and any other value unchanged. */
function originalOf(value: unknown): unknown {
  return originals.get(value as DeviceConnection) ?? value;
}

function createSubject(kind: Subject['kind'], { name, via }: DeviceConnection): Subject {
  return { kind, device: name, via, id: ++lastId };
}

function observeWindow(
  inner: RegisterWindow,
  subject: Subject & { readonly offset: number },
  observer: Observer,
): RegisterWindow {
  const nameRegisters = (registers: WindowRegisters) => {
    reportCall(observer, subject, 'nameRegisters', [registers], () => {
      // Another observer can observe the same window.
      (inner as NameableWindow)[NAME_REGISTERS]?.(registers);
    });
  };
  return observeObject(inner, subject, observer, {
    properties: new Map([[NAME_REGISTERS, nameRegisters]]),
    methods: {
      sub(own, args) {
        const part = own(...args) as RegisterWindow;
        const offset = subject.offset + (args[0] as number);
        return observeWindow(part, { ...subject, id: ++lastId, offset }, observer);
      },
    },
  });
}

function observeAddressSpace(inner: DeviceConnection, observer: Observer): AddressSpace {
  let known = spaces.get(observer);
  if (known === undefined)
    spaces.set(observer, (known = new WeakMap<AddressSpace, AddressSpace>()));
  const existing = known.get(inner.addressSpace);
  if (existing !== undefined) return existing;
  const subject = createSubject('addressSpace', inner);
  const observed = observeObject(inner.addressSpace, subject, observer);
  originals.set(observed, originals.get(inner.addressSpace) ?? inner.addressSpace);
  known.set(inner.addressSpace, observed);
  return observed;
}

function observeEventSet(set: EventSet, subject: Subject, observer: Observer): EventSet {
  const firedSlots = (n: number): Fired[] =>
    Array.from({ length: n }, (_, i) => ({ slot: set.fired[i] ?? 0, count: set.counts[i] ?? 0n }));
  const waitAndReport = (own: (...args: unknown[]) => unknown, args: unknown[]) => {
    const n = own(...args) as number;
    if (n > 0) reportCall(observer, subject, 'deliver', firedSlots(n), () => undefined);
    return n;
  };
  return observeObject(set, subject, observer, {
    methods: {
      serve(own, [listener, ...rest]) {
        if (typeof listener !== 'function') return own(listener, ...rest);
        const onFired = listener as (n: number) => void;
        const deliver = (n: number) => {
          reportCall(observer, subject, 'deliver', firedSlots(n), () => {
            onFired(n);
          });
        };
        return own(deliver, ...rest);
      },
      wait: waitAndReport,
      spin: waitAndReport,
    },
  });
}
