// Random SET_IRQS requests and interrupts reach a virtual device and a mock device with the same
// interrupts. Both devices must give the same answers and signal the same eventfds.
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import {
  createEventfd,
  type DeviceConnection,
  type Eventfd,
  type IrqSet,
  openConnection,
  registerModel,
  SoftwareSource,
  VfioError,
  VirtualIntx,
  VirtualIrqs,
  VirtualMsi,
} from 'vfio/mock';
import fc from '../../fast-check.js';
import { FULL } from '../../full.js';
import { tableOf } from './guest.js';

const VECTORS = { msi: 4, msix: 5 } as const;
const INTX = 0;
const REQ = 4;
const UNMASK = 16;
const CONFIG = 7;
const COMMAND = 4;
const PIN = 0;
const FIRE = 4;

registerModel({
  name: 'all-interrupts',
  shape: {
    vendorId: 0x1234,
    deviceId: 0x0be2,
    classCode: 0xff0000,
    interruptPin: 1,
    bars: [{ index: 0, size: 0x4000 }],
    capabilities: [
      { name: 'msi', offset: 0x40, vectors: VECTORS.msi, maskable: true },
      {
        name: 'msix',
        offset: 0x60,
        vectors: VECTORS.msix,
        table: { bar: 0, offset: 0x1000 },
        pba: { bar: 0, offset: 0x2000 },
      },
    ],
  },
  create: (host) => ({
    registers: {
      0: [
        {
          offset: PIN,
          width: 4,
          name: 'pin',
          write: (level) => {
            host.setPin(level !== 0 && !host.messagesEnabled);
          },
        },
        {
          offset: FIRE,
          width: 4,
          name: 'fire',
          write: (vector) => {
            host.signal(vector);
          },
        },
      ],
    },
    reset: () => undefined,
  }),
});

/**
 * The operations of both devices. The test fires only vector 0 of MSI. The unbind of vector 0 clears
 * the message that all MSI vectors share, so a physical device then loses the interrupts of the
 * other vectors. A virtual device does not lose these interrupts.
 */
interface Device {
  setIrqs(set: IrqSet): number;
  getIrqInfo(index: number): unknown;
  setPin(level: boolean): void;
  /** Sets bit 10 of the command register. */
  disableIntx(disabled: boolean): void;
  fire(vector: number): void;
}

function mockDevice(connection: DeviceConnection): Device {
  connection.store(CONFIG, COMMAND, 2, 6);
  return {
    setIrqs: (set) => connection.setIrqs(set),
    getIrqInfo: (index) => connection.getIrqInfo(index),
    setPin: (level) => {
      connection.store(0, PIN, 4, level ? 1 : 0);
    },
    disableIntx: (disabled) => {
      connection.store(CONFIG, COMMAND, 2, disabled ? 0x406 : 6);
    },
    fire: (vector) => {
      connection.store(0, FIRE, 4, vector);
    },
  };
}

function virtualDevice(connection: DeviceConnection): { device: Device; msi: VirtualMsi } {
  const msix = tableOf(VECTORS.msix);
  const msi = new VirtualMsi({ vectors: VECTORS.msi, maskable: true });
  const sources = [msi, msix].map((table) => {
    const software = new SoftwareSource(table);
    software.emulate(0, table.vectors);
    return { table, software };
  });
  const intx = new VirtualIntx(connection);
  const irqs = new VirtualIrqs({ intx, msi, msix });
  const active = () => sources.find(({ table }) => table.enabled)?.software;
  const device: Device = {
    setIrqs: (set) => irqs.setIrqs(set),
    getIrqInfo: (index) => irqs.getIrqInfo(index),
    setPin: (level) => {
      if (level && active() === undefined) intx.assert();
      else intx.deassert();
    },
    disableIntx: (disabled) => {
      intx.setDisabled(disabled);
    },
    fire: (vector) => {
      active()?.sendSignal(vector);
    },
  };
  return { device, msi };
}

/** Either a request, with eventfds by number, or an event of the device or its user. */
type Action =
  | { readonly set: Omit<IrqSet, 'eventfds'>; readonly eventfds?: readonly (number | null)[] }
  | { readonly pin: boolean }
  | { readonly disableIntx: boolean }
  | { readonly fire: number }
  | { readonly resample: number }
  | { readonly info: number };

const NONE_BOOL_EVENTFD = [1, 2, 4];
const MASK_UNMASK_TRIGGER = [8, UNMASK, 32];
const flags = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NONE_BOOL_EVENTFD.map((type) => type | 32)) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...NONE_BOOL_EVENTFD), fc.constantFrom(...MASK_UNMASK_TRIGGER))
      .map(([type, action]) => type | action),
  },
  { weight: 1, arbitrary: fc.nat(127) },
);
const edge = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 0xffff_fffe, 0xffff_ffff);
const requestOf = (index: fc.Arbitrary<number>): fc.Arbitrary<Action> =>
  fc.record(
    {
      set: fc.record(
        {
          index,
          flags,
          start: fc.oneof({ weight: 4, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: edge }),
          count: fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: edge }),
          bools: fc.array(fc.nat(2), { maxLength: 4 }),
          argsz: fc.constantFrom(0, 19, 20, 24, 28, 40, 40, 1000, 1000, 1000),
        },
        { requiredKeys: ['index', 'flags', 'start', 'count'] },
      ),
      // Numbers 0 to 3 name an eventfd; other numbers are passed as file descriptors.
      eventfds: fc.array(fc.option(fc.constantFrom(0, 1, 2, 3, -1, -7, 99, 99), { nil: null }), {
        maxLength: 5,
      }),
    },
    { requiredKeys: ['set'] },
  );
/** Requests that often succeed: enable, disable, mask and unmask of one index. */
const usualOf = (own: number): fc.Arbitrary<Action> =>
  fc.oneof(
    fc.constantFrom(own, 4).map((index) => ({ set: { index, flags: 33, start: 0, count: 0 } })),
    fc.tuple(fc.constantFrom(own, own, 4), fc.nat(3), fc.nat(3)).map(([index, start, eventfd]) => {
      const single = index === INTX || index === REQ;
      return {
        set: { index, flags: 36, start: single ? 0 : start, count: single ? 1 : 2 },
        eventfds: [eventfd, (eventfd + 1) % 4],
      };
    }),
    fc.constantFrom(8, UNMASK).map((action) => ({
      set: { index: INTX, flags: 1 | action, start: 0, count: 1 },
    })),
    fc.nat(1).map((eventfd) => ({
      set: { index: INTX, flags: 4 | UNMASK, start: 0, count: 1 },
      eventfds: [eventfd],
    })),
  );
/** @param own - the index of most requests */
const actionOf = (own: number): fc.Arbitrary<Action> =>
  fc.oneof(
    { weight: 8, arbitrary: requestOf(fc.constantFrom(own, own, own, own, own, 4)) },
    { weight: 2, arbitrary: requestOf(fc.nat(5)) },
    { weight: 6, arbitrary: usualOf(own) },
    { weight: 3, arbitrary: fc.record({ pin: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ disableIntx: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ fire: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ resample: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ info: fc.nat(6) }) },
  );

const script = fc.oneof(
  ...[0, 1, 2].map((own) => fc.array(actionOf(own), { maxLength: 60, size: 'max' })),
);

/** A device with its own eventfds: four trigger eventfds and four resample eventfds. */
class Side {
  readonly triggers = [0, 1, 2, 3].map(() => createEventfd());
  readonly resamples = [0, 1, 2, 3].map(() => createEventfd());

  constructor(readonly device: Device) {}

  /** Performs an action, and returns its result as a text. */
  perform(one: Action): string {
    try {
      return JSON.stringify(this.#perform(one) ?? null);
    } catch (error) {
      if (error instanceof VfioError) return error.code;
      throw error;
    }
  }

  /** Reads and resets all eventfds. */
  counts(): string {
    return [...this.triggers, ...this.resamples].map((eventfd) => eventfd.read()).join();
  }

  #perform(one: Action): unknown {
    const { device } = this;
    if ('pin' in one) device.setPin(one.pin);
    else if ('disableIntx' in one) device.disableIntx(one.disableIntx);
    else if ('fire' in one) device.fire(one.fire);
    else if ('resample' in one) this.resamples[one.resample]?.signal();
    else if ('info' in one) return device.getIrqInfo(one.info);
    else {
      // The function does not use its pin while messages are enabled. A mock device deasserts the
      // pin even if the request that enables the messages fails.
      if (one.set.index === 1 || one.set.index === 2) device.setPin(false);
      return device.setIrqs(this.#request(one));
    }
    return undefined;
  }

  #request({ set, eventfds }: Extract<Action, { set: unknown }>): IrqSet {
    if (eventfds === undefined) return set;
    const resamples = set.index === INTX && (set.flags & UNMASK) !== 0;
    const own: readonly Eventfd[] = resamples ? this.resamples : this.triggers;
    const values = eventfds.map((value) => (value === null ? null : (own[value] ?? value)));
    return { ...set, eventfds: values };
  }
}

test('any request and interrupt has the same result as on vfio-pci of the mock', async (t) => {
  const results = new Map<string, number>();
  let signals = 0;
  await fc.assert(
    fc.asyncProperty(script, async (actions) => {
      const connection = await openConnection('mock:all-interrupts');
      const { device, msi } = virtualDevice(connection);
      const ours = new Side(device);
      const theirs = new Side(mockDevice(connection));
      try {
        for (const drawn of actions) {
          const one = 'fire' in drawn && msi.enabled ? { fire: 0 } : drawn;
          const [got, expected] = [ours.perform(one), theirs.perform(one)];
          await turn();
          await turn();
          const [mine, their] = [ours.counts(), theirs.counts()];
          if (got !== expected || mine !== their) {
            const text = JSON.stringify(one);
            throw new Error(`${text}: ${got} ${mine}, not ${expected} ${their}`);
          }
          if ('set' in one) results.set(got, (results.get(got) ?? 0) + 1);
          if (/[1-9]/.test(mine)) signals++;
        }
      } finally {
        connection.close();
      }
    }),
    { numRuns: FULL ? 3000 : 400 },
  );
  t.log(JSON.stringify([...results]), signals);
  for (const result of ['0', 'EINVAL', 'ENOTTY', 'EBADF', 'EBUSY', 'ERANGE']) {
    t.true((results.get(result) ?? 0) > 0, result);
  }
  t.true(signals > 200);
});
