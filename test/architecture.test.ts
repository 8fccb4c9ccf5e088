import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { findCycle, type Graph } from './cycles.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const lib = join(root, 'lib');

/** What a program gets of `vfio` and of `vfio/mock`, whichever back ends these have. */
const LIBRARY = [
  'backend/contract',
  'device',
  'errors',
  'ims',
  'message',
  'msix',
  'observe',
  'observers',
  'pci',
  'vectors',
];

/** Which rooms a room may import: the arrows of docs/architecture.md. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  pci: [],
  native: ['errors'],
  'backend/checks': [],
  'backend/contract': [],
  'backend/uapi': [],
  'backend/kernel': ['backend/checks', 'backend/contract', 'backend/uapi', 'errors', 'native'],
  'backend/snapshot': ['backend/contract', 'backend/uapi', 'errors', 'pci'],
  'backend/mock': [
    'backend/checks',
    'backend/contract',
    'backend/snapshot',
    'backend/uapi',
    'errors',
    'pci',
  ],
  observe: ['backend/contract'],
  trace: ['backend/contract', 'backend/uapi', 'native', 'observe'],
  record: ['backend/contract', 'backend/uapi', 'errors', 'observe', 'run'],
  asked: [],
  observers: ['asked', 'observe', 'record', 'trace'],
  device: ['backend/checks', 'backend/contract', 'backend/uapi', 'errors', 'pci'],
  ims: ['backend/contract', 'device', 'errors'],
  vectors: ['backend/contract', 'backend/uapi', 'device', 'errors', 'ims', 'pci'],
  message: ['device', 'errors', 'ims', 'vectors'],
  msix: ['backend/contract', 'backend/uapi', 'device', 'errors', 'ims', 'vectors'],
  index: ['backend/kernel', 'backend/mock', ...LIBRARY],
  mock: ['backend/mock', ...LIBRARY],
  demo: ['index'],
  lab: ['errors'],
  host: ['backend/contract', 'backend/kernel', 'errors', 'native'],
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
    'backend/snapshot',
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

function filesOf(folder: string, name: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => name.test(path))
    .map((path) => join(root, folder, path));
}

const files = filesOf('lib', /\.ts$/);

/** What a file imports, also by import(); `types`: with what is imported as types alone. */
function importsOf(file: string, types = true): string[] {
  const source = readFileSync(file, 'utf8');
  const statements = source.matchAll(
    /(\btype\s+(?:\{[^}]*\}|\*)\s*)?(?:\bfrom|\bimport|\bimport\()\s*['`](\.{1,2}\/[^'`]+)\.js['`]/g,
  );
  return [...statements]
    .filter(([, type]) => types || type === undefined)
    .map(([, , path]) => `${resolve(dirname(file), path ?? '')}.ts`);
}

test('every file of lib/ stands in a room', (t) => {
  t.true(files.length > 10);
  for (const file of files) t.truthy(roomOf(file), relative(lib, file));
});

test('the arrows point down', (t) => {
  for (const file of files) {
    const room = roomOf(file) ?? '';
    for (const target of importsOf(file)) {
      if (isByName(target)) continue;
      const other = roomOf(target) ?? '';
      const allowed = other === room || ARROWS[room]?.includes(other) === true;
      t.true(
        allowed,
        `${relative(lib, file)} (${room}) imports ${relative(lib, target)} (${other})`,
      );
    }
  }
});

/** The command line loads the file that a command is called as: no arrow, or all of them. */
function isByName(target: string): boolean {
  return target.includes('${');
}

test('one import is computed: that of a command', (t) => {
  const computed = files.filter((file) => importsOf(file).some(isByName));
  t.deepEqual(
    computed.map((file) => relative(lib, file)),
    ['cli/commands.ts'],
  );
});

/**
 * What imports what inside of each folder: its files, and its folders each with all that is below
 * it. So a folder may use what is beside it, and what is beside it may use the folder, not both.
 */
function neighbours(): Map<string, Graph> {
  const folders = new Map<string, Graph>();
  for (const file of files) {
    for (const target of importsOf(file).filter((path) => !isByName(path))) {
      const from = relative(lib, file).split(sep);
      const to = relative(lib, target).split(sep);
      const depth = from.findIndex((name, i) => name !== to[i]);
      const folder = from.slice(0, depth).join('/');
      const graph = folders.get(folder) ?? new Map<string, Set<string>>();
      const targets = graph.get(from[depth] ?? '') ?? new Set();
      folders.set(folder, graph.set(from[depth] ?? '', targets.add(to[depth] ?? '')));
    }
  }
  return folders;
}

test('lib/ has no cycle between folders', (t) => {
  const folders = neighbours();
  t.true(folders.size > 10);
  for (const [folder, graph] of folders) {
    for (const name of graph.keys()) {
      if (!name.endsWith('.ts')) t.deepEqual(findCycle(graph, name), [], `in lib/${folder}`);
    }
  }
});

test('no module of lib/ waits for itself', (t) => {
  const graph: Graph = new Map(
    files.map((file) => [file, new Set(importsOf(file, false).filter((path) => !isByName(path)))]),
  );
  for (const file of files) t.deepEqual(findCycle(graph, file), []);
});

test('no file is above 400 lines', (t) => {
  const folders = ['lib', 'native', 'test', 'bench', 'examples', 'scripts', 'assets'];
  const sources = folders.flatMap((folder) => filesOf(folder, /\.(ts|mjs|js|cc|h|c|py|html|css)$/));
  t.true(sources.length > files.length);
  for (const file of sources) {
    const lines = readFileSync(file, 'utf8').split('\n').length - 1;
    t.true(lines <= 400, `${relative(root, file)} has ${lines}`);
  }
});
