// How test/fuzz/arguments.test.ts calls the public functions, classes and objects.

/** A public function or class, and how the test calls it. */
export interface Target {
  readonly name: string;
  /** The names of the methods; a function or a class has the method `''`. */
  readonly methods: readonly string[];
  readonly call: (method: string, args: readonly unknown[]) => unknown;
}

/** Arguments that a function, a class or a method accepts. The test replaces parts of them. */
export type GoodArguments = Readonly<Record<string, () => readonly unknown[]>>;

/** The public objects of one round of calls. */
export interface World {
  readonly targets: readonly Target[];
  /** Objects that are passed as arguments, too. */
  readonly objects: readonly object[];
  readonly good: GoodArguments;
  close(): void;
}

const INTERFACES: Readonly<Record<string, readonly string[]>> = {
  AddressSpace: [
    ...['ranges', 'allocate', 'fromFd', 'importFile', 'fromShared', 'map', 'mapSync', 'unmap'],
  ],
  CreatedAddressSpace: [
    ...['ranges', 'allocate', 'fromFd', 'importFile', 'fromShared', 'map', 'mapSync', 'unmap'],
    'close',
  ],
  Clock: ['step', 'stop', 'start'],
  DeviceConnection: [
    ...['getInfo', 'getRegionInfo', 'getIrqInfo', 'setIrqs', 'feature', 'read', 'write', 'load'],
    ...['store', 'map', 'reset', 'resetSync', 'getHotResetInfo', 'hotReset', 'ioeventfd'],
    ...[
      'createAddressSpace',
      'attachPasid',
      'detachPasid',
      'getAffinity',
      'setAffinity',
      'synchronizeIrqs',
      'close',
    ],
    ...['createEventfd', 'createEventSet'],
  ],
  Eventfd: ['signal', 'read', 'close'],
  EventSet: ['add', 'remove', 'serve', 'pause', 'wait', 'spin', 'ref', 'unref', 'close'],
  HostInterrupt: ['bind', 'synchronize', 'getAffinity', 'setAffinity', 'close'],
  Memory: ['release'],
  RegisterWindow: [
    ...['read8', 'read16', 'read32', 'read64', 'write8', 'write16', 'write32', 'write64'],
    ...['readBlock', 'writeBlock', 'sub', 'close'],
  ],
  SlotStorage: ['read32', 'write32'],
  DeviceHost: ['dmaRead', 'dmaWrite', 'signal', 'setPin', 'defer'],
  Vector: ['trigger', 'next', 'ref', 'unref', 'getAffinity', 'setAffinity', 'close'],
  IntxVector: ['trigger', 'next', 'mask', 'unmask', 'resample', 'setAffinity', 'close'],
  VectorCharge: ['move', 'refund'],
  SingleIrq: ['request'],
};

/** Calls that the test leaves out, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'MockControl.interrupt': 'a storm of 2^31 interrupts takes minutes',
  'pci.SettingError': 'the constructor is that of Error',
};

/** Returns the names of the methods of an object's class, without those of EventEmitter. */
function methodsOf(object: object): string[] {
  const names = new Set<string>();
  let prototype: unknown = Object.getPrototypeOf(object);
  while (typeof prototype === 'object' && prototype !== null) {
    if (prototype === Object.prototype || Object.hasOwn(prototype, 'removeListener')) break;
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
    prototype = Object.getPrototypeOf(prototype);
  }
  return [...names];
}

export function objectTarget(name: string, object: object): Target {
  const methods = (INTERFACES[name] ?? methodsOf(object)).filter(
    (method) => !(`${name}.${method}` in LEFT_OUT),
  );
  const call = (method: string, args: readonly unknown[]) => {
    const run = Reflect.get(object, method) as (...given: readonly unknown[]) => unknown;
    return run.apply(object, args as unknown[]);
  };
  return { name, methods, call };
}

export function exportTargets(api: object, prefix = ''): Target[] {
  return Object.entries(api).flatMap(([key, value]: [string, unknown]) => {
    const name = prefix + key;
    if (typeof value !== 'function' || name in LEFT_OUT) return [];
    const isClass = /^class\b/.test(Function.prototype.toString.call(value));
    const construct = value as new (...given: readonly unknown[]) => unknown;
    const run = value as (...given: readonly unknown[]) => unknown;
    const call = (_: string, args: readonly unknown[]) =>
      isClass ? new construct(...args) : run(...args);
    return [{ name, methods: [''], call }];
  });
}
