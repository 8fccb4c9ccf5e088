import { readFileSync } from 'node:fs';
import test from 'ava';

/**
 * Lists all modules that an entry point loads, by following the import statements of the compiled
 * files. The source map of a bundle lists the modules in the bundle.
 */
function loadedWith(entry: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(entry.href)) return seen;
  seen.add(entry.href);
  if (entry.pathname.endsWith('.mjs')) {
    const map = readFileSync(new URL(`${entry.href}.map`), 'utf8');
    const { sources } = JSON.parse(map) as { sources: string[] };
    for (const source of sources) seen.add(new URL(source, entry).pathname);
  }
  const imports = readFileSync(entry, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  for (const [, specifier = ''] of imports) {
    if (specifier.startsWith('.')) loadedWith(new URL(specifier, entry), seen);
    else seen.add(specifier);
  }
  return seen;
}

test('the entry point vfio/mock loads neither the kernel back end nor the addon', (t) => {
  const loaded = [...loadedWith(new URL('../lib/mock.js', import.meta.url))];
  t.true(loaded.some((module) => module.endsWith('/lib/device/device.ts')));
  t.true(loaded.some((module) => module.includes('/lib/backend/mock/')));
  const native = loaded.filter((module) =>
    /\/backend\/kernel\/|\/lib\/native\/|^bindings$/.test(module),
  );
  t.deepEqual(native, []);
});

test('the entry point vfio loads the kernel back end and the mock back end', (t) => {
  const loaded = [...loadedWith(new URL('../lib/index.js', import.meta.url))];
  for (const backend of ['mock', 'kernel']) {
    t.true(loaded.some((module) => module.includes(`/lib/backend/${backend}/`)));
  }
});

test('a registered model can be opened by vfio and by vfio/mock', async (t) => {
  const mock = await import('vfio/mock');
  const whole = await import('vfio');
  const model = mock.defineModel({
    name: 'registered',
    shape: { vendorId: 0x1234, deviceId: 0x4321, classCode: 0xff0000, bars: [] },
    create: () => ({ registers: {}, reset: () => undefined }),
  });
  await t.throwsAsync(mock.openDevice('mock:registered'), { code: 'ENODEV' });
  mock.registerModel(model);
  t.throws(
    () => {
      mock.registerModel(model);
    },
    { instanceOf: TypeError, message: /already/ },
  );
  for (const { openDevice, listDevices } of [mock, whole]) {
    const device = await openDevice('mock:registered');
    t.is(device.config.read32(0), 0x4321_1234);
    device.close();
    t.true(listDevices().some(({ name }) => name === 'mock:registered'));
  }
});
