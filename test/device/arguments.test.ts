import test from 'ava';
import { openDeviceSync, type PciDevice, VfioError } from '../../lib/mock.js';

const wrong = { instanceOf: TypeError };

function use(t: { teardown: (end: () => void) => void }, name = 'mock:nvme'): PciDevice {
  const device = openDeviceSync(name);
  t.teardown(() => {
    device.close();
  });
  return device;
}

/** Calls that accept an options object. */
const TAKES_OPTIONS: Readonly<Record<string, (device: PciDevice, options: never) => unknown>> = {
  map: (device, options) => device.bar(0).map(options),
  ioeventfd: (device, options) => {
    device.bar(0).ioeventfd(options);
  },
  allocateSync: (device, options) => device.dma.allocateSync(4096, options),
  mapSync: (device, options) =>
    device.dma.mapSync(new SharedArrayBuffer(4096, { maxByteLength: 4096 }), options),
  'msix.enable': (device, options) => {
    device.interrupts.msix.enable(options);
  },
  'msix.request': (device, options) => device.interrupts.msix.request(0, options),
  'intx.request': (device, options) => device.interrupts.intx.request(options),
  'err.request': (device, options) => device.interrupts.err.request(options),
  'req.request': (device, options) => device.interrupts.req.request(options),
  enterLowPower: (device, options) => {
    device.features.enterLowPower(options);
  },
};

for (const [name, call] of Object.entries(TAKES_OPTIONS)) {
  test(`${name}() refuses unknown options and an options argument that is not an object`, (t) => {
    const device = use(t);
    for (const options of [null, 5, 'abc', true, 1n, () => 0]) {
      t.throws(() => call(device, options as never), {
        ...wrong,
        message: 'options must be an object',
      });
    }
    t.throws(() => call(device, { mispelled: 1 } as never), {
      ...wrong,
      message: /^unknown option 'mispelled'; known: /,
    });
  });
}

test('a boolean option refuses values of other types', (t) => {
  const { msix, intx } = use(t).interrupts;
  for (const value of [null, 0, 'no', {}]) {
    const counts = value as never;
    t.throws(() => msix.request(0, { counts }), { ...wrong, message: 'counts must be a boolean' });
    t.throws(() => intx.request({ autoUnmask: counts }), {
      ...wrong,
      message: 'autoUnmask must be a boolean',
    });
  }
  t.false(msix.active);
  t.false(intx.active);
});

test('next() refuses the option `signal` if its value is not an AbortSignal', async (t) => {
  const vector = use(t).interrupts.msix.request(0);
  for (const signal of [null, 'abort', 5, {}]) {
    const message = /^signal must be an AbortSignal, not /;
    await t.throwsAsync(vector.next({ signal: signal as never }), { ...wrong, message });
  }
  await t.throwsAsync(vector.next(null as never), wrong);
});

test('Region.map() refuses a length that is not a number', (t) => {
  const region = use(t).bar(0);
  t.throws(() => region.map({ length: null as never }), wrong);
});

test('dma.unmap() refuses a wrong size, and the error names the argument', (t) => {
  const { dma } = use(t);
  for (const size of [undefined, null, '4096', {}, true]) {
    t.throws(() => dma.unmap(0n, size as never), {
      ...wrong,
      message: /^size must be a number, not /,
    });
  }
  for (const size of [NaN, 0.5, -4096, 2 ** 53, Infinity]) {
    t.throws(() => dma.unmap(0n, size), { instanceOf: RangeError, message: /^size must be/ });
  }
  t.throws(() => dma.unmap(0n, 1n << 64n), { instanceOf: RangeError });
  t.throws(() => dma.unmap(0 as never, 4096n), {
    ...wrong,
    message: 'iova must be a bigint, not a number',
  });
});

test('ConfigSpace refuses a register name or a field change of a wrong type', (t) => {
  const { config } = use(t);
  for (const name of [undefined, null, 5, Symbol('msix'), {}]) {
    t.throws(() => config.find(name as never), wrong);
    t.throws(() => {
      config.details(name as never);
    }, wrong);
    t.throws(() => config.get(name as never), { ...wrong, message: 'register must be a name' });
  }
  for (const changes of [undefined, null, 5, true]) {
    t.throws(
      () => {
        config.update('command', changes as never);
      },
      { ...wrong, message: 'changes must be an object' },
    );
  }
  t.throws(
    () => {
      config.details('toString' as never);
    },
    { ...wrong, message: /name must be one of/ },
  );
});

test('requesting a second vector with the same eventfd gives EEXIST and a hint', (t) => {
  const device = use(t);
  const eventfd = device.createEventfd();
  device.interrupts.msix.request(0, { eventfd });
  const error = t.throws(() => device.interrupts.msix.request(1, { eventfd }), {
    instanceOf: VfioError,
    code: 'EEXIST',
    message: /another vector has this eventfd/,
  });
  t.regex(String(error.hint), /Use a separate eventfd for each vector/);
});
