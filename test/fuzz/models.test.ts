// Device models in which one field has a wrong value. A wrong value must be refused when the model
// is defined or opened, by an error of the library. A device that was opened works.
import { inspect } from 'node:util';
import test from 'ava';
import { PAGE_SIZE } from '../../lib/checks.js';
import type * as mockApi from 'vfio/mock';
import { FULL } from '../full.js';

// The library's own errors are created by these classes, because the library looks up the names
// TypeError and RangeError at each throw. V8's errors and Node's errors have other classes.
const own = [TypeError, RangeError].map((base) => class extends base {});
const [OwnTypeError, OwnRangeError] = own;
Object.assign(globalThis, { TypeError: OwnTypeError, RangeError: OwnRangeError });
const api: typeof mockApi = await import('vfio/mock');

const CONFIG = 7;
const MMAP = 4;
const BIND = 0x24;
const DISABLE = 0x21;

const MODES = ['capabilities', 'image'] as const;

/** Returns a model with each field that a model can have. */
function makeModel(mode: (typeof MODES)[number]) {
  let state = 0n;
  const at = (offset: number) => ({ bar: 0, offset });
  const shape = {
    ...{ vendorId: 1, deviceId: 2, classCode: 3, subsystemVendorId: 4, subsystemId: 5 },
    ...{ interruptPin: 1, revision: 4, resets: true, virtual: false },
    bars: [
      { index: 0, size: 0x4000, bits: 64, prefetchable: true, split: 4, kind: 'memory' },
      { index: 2, size: 64, kind: 'io', elsewhere: 0xff, widths: [4, 8] },
    ],
    rom: { size: 2048, image: new Uint8Array(512) },
    sources: {
      ...{ bar: 0, offset: 0x1000, entries: 4, stride: 16, addressLow: 0, addressHigh: 4 },
      ...{ data: 8, mask: { offset: 12, bits: 1 } },
    },
    capabilities: [
      { name: 'pm', offset: 0x40 },
      { name: 'msi', offset: 0x50, vectors: 4, bits: 64, maskable: true },
      { name: 'msix', offset: 0x70, vectors: 8, table: at(0x2000), pba: at(0x3000) },
      { name: 'pcie', offset: 0x80, version: 2, flr: true },
      { name: 'vendor_specific', offset: 0xc0, bytes: new Uint8Array(8) },
      { name: 'vpd', offset: 0xd0, data: new Uint8Array(8) },
      { name: 'serial_number', offset: 0x100, value: 1n },
      { name: 'vsec', offset: 0x120, id: 1, revision: 2, bytes: new Uint8Array(8) },
      { name: 'dvsec', offset: 0x140, id: 1, vendor: 3, revision: 2, bytes: new Uint8Array(8) },
      { name: 'ats', offset: 0x160, bytes: new Uint8Array(4) },
    ],
    ...(mode === 'image' && {
      image: { bytes: declaredBytes(), writable: new Map([[0x10, new Uint8Array(4)]]) },
    }),
  };
  const registers = {
    0: [
      { offset: 0, width: 4, name: 'a', widths: [4], read: () => 1, write: () => undefined },
      { offset: 4, width: 2, name: 'b', widths: [2, 4] },
      {
        ...{ offset: 8, width: 8, name: 'c', widths: [4, 8], writeHigh: () => undefined },
        ...{ read: () => state, write: (value: bigint) => (state = value) },
      },
      { offset: 0x40, size: 0x40, name: 'd', contents: new Uint8Array(8) },
      { offset: 0x80, size: 0x40, name: 'e', load: () => 0, store: () => undefined },
      { offset: 0x1000, size: 0x40, name: 'f' },
    ],
    2: [{ offset: 0, width: 4, name: 'g' }],
  };
  const kernel = { kernel: '7.2', dmabuf: false, novirt: false, variant: true, via: 'group' };
  return {
    name: 'wrong',
    shape,
    kernel,
    create: () => undefined,
    logic: { registers, reset: () => undefined },
  };
}

/** Returns the configuration space of the model that declares capabilities. */
function declaredBytes(): Uint8Array {
  const device = open(makeModel('capabilities'));
  const bytes = device?.config.read(0, device.config.size) ?? new Uint8Array();
  device?.close();
  return bytes;
}

const VALUES: readonly unknown[] = [
  ...[undefined, null, true, '', '4', 'memory', 0, -1, 1, 1.5, 3, 4, 5, 64, NaN, Infinity],
  ...[2 ** 31, 2 ** 32, 2 ** 53, 1n, -1n, 2n ** 64n, {}, [], [3], ['4'], [null], [4, 4]],
  ...[Array(2), Symbol('value'), () => 0, () => 'x', () => ({}), new Map([[1, 2]])],
  ...[new Map([['x', new Uint8Array(1)]]), new Map([[4095, new Uint8Array(2)]])],
  ...[new Uint8Array(4), new Uint8Array(40_000), new Uint32Array(2), new Date(0)],
];

/**
 * A short run tries every seventh pair of a field and a value. The number of values is no multiple of
 * seven, so each value is tried in many fields.
 */
const STEP = FULL ? 1 : 7;

type Path = readonly string[];

/** Returns the path of each value in an object. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(Object(value)) === Object.prototype;
  const below = !isPlain
    ? []
    : Object.entries(value as object).flatMap(([key, part]) => pathsOf(part, [...path, key]));
  return path.length === 0 ? below : [path, ...below];
}

function parentOf(root: object, path: Path): Record<string, unknown> {
  return path
    .slice(0, -1)
    .reduce((object, key) => Reflect.get(object, key) as object, root) as Record<string, unknown>;
}

/** Number of models that `registerModel()` was called with. Each model needs its own name. */
let count = 0;

/** Defines and opens a model. Returns null if the library refuses the model. */
function open(model: ReturnType<typeof makeModel>): mockApi.PciDevice | null {
  const { logic, create, ...rest } = model;
  const given: unknown = create;
  const definition = {
    ...rest,
    create: typeof given === 'function' && given.length === 0 ? () => logic : given,
  };
  try {
    const name = `wrong${++count}`;
    const renamed = (rest.name as unknown) === 'wrong' ? { ...definition, name } : definition;
    api.registerModel(renamed as never);
    return api.openDeviceSync(`mock:${renamed.name}`);
  } catch (error) {
    checkOwn(error);
    return null;
  }
}

function checkOwn(error: unknown): void {
  if (own.some((one) => error instanceof one) || error instanceof api.VfioError) return;
  throw error;
}

/** Uses each register and each interrupt of a device. */
function use({ connection }: mockApi.PciDevice): void {
  connection.store(CONFIG, 4, 2, 0x7);
  for (let index = 0; index < 6; index++) {
    const { size, flags } = connection.getRegionInfo(index);
    const used = Math.min(Number(size), 0x100);
    for (const width of [1, 2, 4] as const) {
      for (let at = 0; at + width <= used; at += width) {
        connection.load(index, at, width);
        connection.store(index, at, width, 1);
      }
    }
    if ((flags & MMAP) === 0) continue;
    const window = connection.map(index, 0, PAGE_SIZE);
    for (let at = 0; at + 8 <= used; at += 8) {
      window.write64(at, window.read64(at));
    }
    window.close();
  }
  for (let index = 0; index < connection.getInfo().numIrqs; index++) {
    if (connection.getIrqInfo(index).count === 0) continue;
    const eventfd = connection.createEventfd();
    connection.setIrqs({ index, flags: BIND, start: 0, count: 1, eventfds: [eventfd] });
    connection.setIrqs({ index, flags: DISABLE, start: 0, count: 0 });
    eventfd.close();
  }
  connection.resetSync();
}

function makeWrong(mode: (typeof MODES)[number], path: Path, value: unknown) {
  const model = makeModel(mode);
  const parent = parentOf(model, path);
  const last = path.at(-1) ?? '';
  const isFunction = typeof parent[last] === 'function';
  parent[last] = value;
  return { model, isFunction };
}

for (const mode of MODES) {
  test(`a model with ${mode} and every field can be opened and used`, (t) => {
    const device = open(makeModel(mode));
    if (device === null) throw new Error('the model was refused');
    use(device);
    device.close();
    t.pass();
  });

  test(`a wrong value in a model with ${mode} is refused when the model is opened`, (t) => {
    t.timeout(10 * 60_000);
    let pairs = 0;
    let refused = 0;
    for (const path of pathsOf(makeModel(mode))) {
      for (const value of VALUES) {
        if (pairs++ % STEP !== 0) continue;
        const { model, isFunction } = makeWrong(mode, path, value);
        try {
          const device = open(model);
          if (device === null) refused++;
          else {
            try {
              use(device);
            } catch (error) {
              // The library calls a function of a model later, and then checks the result.
              if (!isFunction && !(error instanceof api.VfioError)) throw error;
              checkOwn(error);
            }
            device.close();
          }
        } catch (error) {
          t.fail(`${path.join('.')} = ${inspect(value)}: ${inspect(error)}`);
        }
      }
    }
    t.log(`${refused} models refused`);
    t.true(refused > 1000 / STEP);
  });
}
