import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const lib = fileURLToPath(new URL('../../lib', import.meta.url));

/** Which rooms a room may import: the arrows of docs/architecture.md. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  pci: [],
  native: ['errors'],
  'backend/contract': [],
  'backend/uapi': [],
  'backend/kernel': ['backend/contract', 'backend/uapi', 'errors', 'native'],
  snapshot: ['backend/contract', 'backend/uapi', 'errors', 'pci'],
  'backend/mock': ['backend/contract', 'backend/uapi', 'errors', 'pci', 'snapshot'],
  observe: ['backend/contract'],
  trace: ['backend/contract', 'backend/uapi', 'native', 'observe'],
  record: ['backend/contract', 'backend/uapi', 'errors', 'observe', 'run'],
  asked: [],
  observers: ['asked', 'observe', 'record', 'trace'],
  device: ['backend/contract', 'backend/uapi', 'errors', 'pci'],
  ims: ['backend/contract', 'device', 'errors'],
  vectors: ['backend/contract', 'backend/uapi', 'device', 'errors', 'ims', 'pci'],
  message: ['device', 'errors', 'ims', 'vectors'],
  msix: ['backend/contract', 'backend/uapi', 'device', 'errors', 'ims', 'vectors'],
  index: [
    'backend/contract',
    'backend/kernel',
    'backend/mock',
    'device',
    'errors',
    'ims',
    'message',
    'msix',
    'observe',
    'observers',
    'pci',
    'vectors',
  ],
  mock: [
    'backend/contract',
    'backend/mock',
    'device',
    'errors',
    'ims',
    'message',
    'msix',
    'observe',
    'observers',
    'pci',
    'vectors',
  ],
  demo: ['index'],
  lab: ['errors'],
  host: ['backend/contract', 'backend/kernel', 'errors'],
  run: ['backend/contract', 'errors'],
  cli: [
    'cli/devices',
    'demo',
    'errors',
    'host',
    'index',
    'lab',
    'pci',
    'record',
    'run',
    'snapshot',
    'trace',
  ],
  'cli/devices': [
    'asked',
    'backend/contract',
    'backend/kernel',
    'backend/mock',
    'cli',
    'device',
    'index',
    'observe',
    'observers',
  ],
};

/** The room a file of lib/ stands in: the longest name in ARROWS that its path begins with. */
function roomOf(file: string): string | undefined {
  const path = relative(lib, file).replace(/\.ts$/, '');
  return Object.keys(ARROWS)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}

const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(lib, name));

function importsOf(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  const specifiers = source.matchAll(/(?:from|import|import\()\s*'(\.{1,2}\/[^']+)\.js'/g);
  return [...specifiers].map(([, path]) => `${resolve(dirname(file), path ?? '')}.ts`);
}

test('every file of lib/ stands in a room', (t) => {
  t.true(files.length > 10);
  for (const file of files) t.truthy(roomOf(file), relative(lib, file));
});

test('the arrows point down', (t) => {
  for (const file of files) {
    const room = roomOf(file) ?? '';
    for (const target of importsOf(file)) {
      const other = roomOf(target) ?? '';
      const allowed = other === room || ARROWS[room]?.includes(other) === true;
      t.true(
        allowed,
        `${relative(lib, file)} (${room}) imports ${relative(lib, target)} (${other})`,
      );
    }
  }
});

test('no file of lib/ or native/ is above 400 lines', (t) => {
  const native = fileURLToPath(new URL('../../native', import.meta.url));
  const sources = readdirSync(native, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(native, name));
  for (const file of [...files, ...sources]) {
    const lines = readFileSync(file, 'utf8').split('\n').length - 1;
    t.true(lines <= 400, `${file} has ${lines}`);
  }
});
