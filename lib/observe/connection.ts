import type {
  AddressSpace,
  DeviceConnection,
  EventSet,
  RegisterWindow,
} from '../contract/index.js';
import type { Fired, Observer, Subject } from './observer.js';
import { observed, tell } from './proxy.js';

/** From what was handed out to what it stands for. */
const originals = new WeakMap<object, DeviceConnection>();
/** Devices of one IOMMU group share an address space, and so what stands for it. */
const spaces = new WeakMap<Observer, WeakMap<AddressSpace, AddressSpace>>();
let lastId = 0;

/** A connection whose calls an observer is told of, with those of its windows, sets and mappings. */
export function observeConnection(inner: DeviceConnection, observer: Observer): DeviceConnection {
  const subject = of('device', inner);
  const connection = observed(inner, subject, observer, {
    properties: new Map([['addressSpace', observeSpace(inner, observer)]]),
    methods: {
      map(own, args) {
        const [region, offset] = args as [number, number];
        const window = own(...args) as RegisterWindow;
        return observed(window, { ...of('window', inner), region, offset }, observer);
      },
      createEventSet: (own, args) =>
        observeEventSet(own(...args) as EventSet, of('eventSet', inner), observer),
      hotReset(own, args) {
        const [others] = args as [readonly DeviceConnection[]];
        return own(others.map((other) => originals.get(other) ?? other));
      },
    },
  });
  originals.set(connection, originals.get(inner) ?? inner);
  return connection;
}

function of(kind: Subject['kind'], { name }: DeviceConnection): Subject {
  return { kind, device: name, id: ++lastId };
}

function observeSpace(inner: DeviceConnection, observer: Observer): AddressSpace {
  let known = spaces.get(observer);
  if (known === undefined)
    spaces.set(observer, (known = new WeakMap<AddressSpace, AddressSpace>()));
  const space = known.get(inner.addressSpace);
  if (space !== undefined) return space;
  const fresh = observed(inner.addressSpace, of('addressSpace', inner), observer);
  known.set(inner.addressSpace, fresh);
  return fresh;
}

function observeEventSet(set: EventSet, subject: Subject, observer: Observer): EventSet {
  const fired = (n: number): Fired[] =>
    Array.from({ length: n }, (_, i) => ({ slot: set.fired[i] ?? 0, count: set.counts[i] ?? 0n }));
  const byHand = (own: (...args: unknown[]) => unknown, args: unknown[]) => {
    const n = own(...args) as number;
    if (n > 0) tell(observer, subject, 'deliver', fired(n), () => undefined);
    return n;
  };
  return observed(set, subject, observer, {
    methods: {
      serve: (own, [onFired]) =>
        own((n: number) => {
          tell(observer, subject, 'deliver', fired(n), () => {
            (onFired as (n: number) => void)(n);
          });
        }),
      wait: byHand,
      spin: byHand,
    },
  });
}
