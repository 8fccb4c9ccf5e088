// Each public function that takes an object of options must refuse a misspelt option.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as api from 'vfio/mock';
import { root } from '../rooms.js';
import { createWorld } from './public-objects.js';
import type { World } from './targets.js';

/** A function that takes the options of each type. */
const TAKES: Readonly<Record<string, string>> = {
  AttachOptions: 'VirtualMsix.attach',
  CommandFaultOptions: 'CommandFaults.failCommand',
  BudgetOptions: 'Budget',
  DeviceHostVectorsOptions: 'DeviceHostVectors',
  DmaFailOptions: 'MockControl.failDma',
  DmaOptions: 'DmaSpace.allocateSync',
  DmaPoolOptions: 'DmaSpace.createPool',
  EnableOptions: 'VectorIndex.enable',
  FillOptions: 'MessageStore.fill',
  ImsDomainOptions: 'ImsDomain',
  ImsDvsecOptions: 'imsDvsec',
  ImsSourceOptions: 'ImsSource',
  IntxOptions: 'Intx.request',
  IoeventfdOptions: 'Region.ioeventfd',
  MessageRewriterOptions: 'MessageRewriter',
  MessageStoreOptions: 'MessageStore',
  MessageVectorsOptions: 'messageVectors',
  MsixPermOptions: 'MsixPerm',
  OpenOptions: 'openDevice',
  PasidOptions: 'PciDevice.attachPasid',
  PhysicalOptions: 'PhysicalSource',
  PollOptions: 'poll',
  PrivateSourcesOptions: 'PrivateSources',
  ProfileOptions: 'defineModel',
  SendToBufferOptions: 'MessageStore.sendToBuffer',
  SlotOptions: 'ImsDomain.allocate',
  TransferOptions: 'DeviceHost.dmaRead',
  VectorOptions: 'VectorIndex.request',
  VirtualIrqsOptions: 'VirtualIrqs',
  VirtualMsiOptions: 'VirtualMsi',
  VirtualMsixOptions: 'VirtualMsix',
  WaitOptions: 'Vector.next',
  WindowOptions: 'Region.map',
  WindowRewriterOptions: 'WindowRewriter',
};

/** Arguments that are not options: the names of registers and fields, and messages. */
const OTHER = [
  ...['ConfigSpace.update', 'pci.updateFields', 'pci.decodeFields', 'MessageStore.write'],
  ...['RegisterAccessor.update', 'RegisterAccessor.write', 'defineRegisters', 'defineStruct'],
];

/** Options whose value is an object with methods. Such an object can have further properties. */
const OBJECTS = /\.(storage|handles)$/;

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.getPrototypeOf(value) === Object.prototype;
}

/** Returns copies of a value. Each copy has a misspelt property in one of its plain objects. */
function misspell(value: unknown, path: string): [path: string, wrong: unknown][] {
  if (Array.isArray(value)) {
    const elements = value as unknown[];
    return elements.flatMap((element, i) =>
      misspell(element, `${path}[${i}]`).map(([at, wrong]): [string, unknown] => [
        at,
        elements.map((other, j) => (i === j ? wrong : other)),
      ]),
    );
  }
  if (!isPlain(value) || OBJECTS.test(path)) return [];
  const nested = Object.entries(value).flatMap(([key, member]) =>
    misspell(member, `${path}.${key}`).map(([at, wrong]): [string, unknown] => [
      at,
      { ...value, [key]: wrong },
    ]),
  );
  return [[path, { ...value, misspelt: 1 }], ...nested];
}

function callOf({ targets }: World, name: string): (args: readonly unknown[]) => unknown {
  for (const target of targets) {
    const method = name.slice(target.name.length + 1);
    const matches = name === target.name || name.startsWith(`${target.name}.`);
    if (matches && target.methods.includes(method)) return (args) => target.call(method, args);
  }
  throw new Error(`${name} is not public`);
}

test('every exported type of options is tested', (t) => {
  const folders = [
    'device',
    'registers',
    'structs',
    ...['ims', 'message', 'msix', 'vectors'].map((one) => `virtual/${one}`),
  ];
  const files = ['mock.ts', ...folders.map((folder) => `${folder}/index.ts`)];
  const types = files.flatMap((file) => {
    const source = readFileSync(join(root, 'lib', file), 'utf8');
    return [...source.matchAll(/\b\w+Options\b/g)].map(([name]) => name);
  });
  t.deepEqual(types.sort(), Object.keys(TAKES).sort());
});

test.serial('each public function refuses a misspelt option', async (t) => {
  const world = createWorld(api);
  t.teardown(() => {
    world.close();
  });
  for (const name of Object.values(TAKES)) t.true(name in world.good, name);
  let checked = 0;
  for (const [name, args] of Object.entries(world.good)) {
    if (OTHER.includes(name)) continue;
    const call = callOf(world, name);
    for (const [path, wrong] of misspell(args(), name)) {
      const message = /'misspelt'/;
      await t.throwsAsync(
        () => Promise.resolve(wrong as unknown[]).then(call),
        { instanceOf: TypeError, message },
        path,
      );
      checked++;
    }
  }
  t.log(`${checked} misspelt options`);
});
