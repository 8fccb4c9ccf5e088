import test from 'ava';
import {
  createEventfd,
  DeviceHostVectors,
  ImsSource,
  openDeviceSync,
  PasidMap,
  PhysicalSource,
  SoftwareSource,
  type VectorSource,
} from 'vfio/mock';
import { dsa } from '../ims/bench.js';
import { tableOf } from '../msix/guest.js';

/** Returns a value with a wrong type. */
const wrong = (value: unknown) => value as never;

const { domain } = dsa(8);
const source = new ImsSource(domain, { count: 2, pasids: new PasidMap(1) });
const { connection } = openDeviceSync('mock:nvme');
const software = new SoftwareSource(tableOf(4));
const message = () => ({ address: 0n, data: 0 });
const ims = (options: object) => new ImsSource(domain, wrong({ count: 1, ...options }));

const TYPE_ERRORS: Readonly<Record<string, () => unknown>> = {
  'an unknown option of ImsSource': () => ims({ hostVector: 1 }),
  'a domain that is an object': () => new ImsSource(wrong({}), { count: 1 }),
  'an account that is a string': () => ims({ account: 'a' }),
  'PASIDs that are a number': () => ims({ pasids: 1 }),
  'a default cookie that is a string': () => ims({ defaultCookie: '1' }),
  'PASIDs beside a default cookie': () => ims({ pasids: new PasidMap(5), defaultCookie: 5 }),
  'CPUs that are a number': () => ims({ cpus: 1 }),
  'an unknown value of onExhausted': () => ims({ onExhausted: 'wait' }),
  'a sink without methods': () => {
    new ImsSource(domain, { count: 1, defaultCookie: 9 }).connect(wrong({}));
  },
  'a target that is a number': () => {
    source.request(0, wrong(3));
  },
  'targets that are an object': () => {
    source.allocate(1, wrong({}));
  },
  'a vector that is a string': () => {
    source.hold(wrong('0'));
  },
  'a cookie that is a boolean': () => {
    source.setCookie(0, wrong(true));
  },
  'an unknown option of PhysicalSource': () => new PhysicalSource(connection, wrong({ cpu: [0] })),
  'an account of PhysicalSource that is a string': () =>
    new PhysicalSource(connection, { account: wrong('a') }),
  'an unknown option of DeviceHostVectors': () =>
    new DeviceHostVectors(connection, wrong({ message, frist: 1 })),
  'host vectors without messages': () => new DeviceHostVectors(connection, wrong({})),
  'an unknown interrupt index': () =>
    new DeviceHostVectors(connection, { message, index: wrong('intx') }),
  'a host vector without an eventfd': () =>
    new DeviceHostVectors(connection, { message }).allocate(wrong(null)),
  'a table without methods': () => new SoftwareSource(wrong({ vectors: 1 })),
  'signals to a number': () => software.sendSignals(wrong(1)),
};

for (const [what, call] of Object.entries(TYPE_ERRORS)) {
  test(`${what} throws a TypeError`, (t) => {
    t.throws(call, { instanceOf: TypeError });
  });
}

const SOURCES: Readonly<Record<string, VectorSource>> = {
  ims: source,
  physical: new PhysicalSource(connection),
  software,
};

for (const [name, one] of Object.entries(SOURCES)) {
  test(`${name}: allocate() refuses more vectors than the source has`, (t) => {
    for (const count of [0, -1, 1.5, one.count + 1, 2 ** 32 - 1, 1e308, Infinity, NaN]) {
      t.throws(
        () => {
          one.allocate(count);
        },
        { instanceOf: RangeError },
        `${count} vectors`,
      );
    }
  });
}

test('a vector that the source does not have throws a RangeError', (t) => {
  const calls: (() => unknown)[] = [
    () => {
      source.request(2, createEventfd());
    },
    () => {
      source.hold(2);
    },
    () => {
      source.release(-1);
    },
    () => {
      source.setCookie(2, 1);
    },
    () => {
      source.silence(2);
    },
    () => source.poll(2),
    () => software.emulates(4),
  ];
  for (const call of calls) t.throws(call, { instanceOf: RangeError });
});

test('emulate() refuses a wrong range, and marks no vector', (t) => {
  const msix = tableOf(4);
  const software = new SoftwareSource(msix);
  for (const [first, count] of [
    [0, undefined],
    [0n, 1],
    [null, 1],
  ]) {
    const call = () => {
      software.emulate(first as never, count as never);
    };
    t.throws(call, { instanceOf: TypeError, message: /^(first|count) must be a number, not / });
  }
  for (const [first, count] of [
    [-1, 1],
    [0, 0],
    [msix.vectors, 1],
    [1, msix.vectors],
  ] as const) {
    const call = () => {
      software.emulate(first, count);
    };
    t.throws(call, { instanceOf: RangeError });
  }
  t.false(software.emulates(0));
  t.notThrows(() => {
    software.emulate(0, msix.vectors);
  });
});
