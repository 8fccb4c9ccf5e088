import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import test from 'ava';
import { findCycle, type Graph } from './cycles.js';
import { architecture, roomOf, root } from './rooms.js';

const lib = join(root, 'lib');

const { arrows, exceptions } = architecture;

function pathOf(file: string): string {
  return relative(lib, file).replace(/\.ts$/, '');
}

function filesOf(folder: string, name: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => name.test(path))
    .map((path) => join(root, folder, path));
}

const files = filesOf('lib', /\.ts$/);

/**
 * Lists the imports of a file, including import() calls.
 * @param types - whether the list includes type-only imports
 */
function importsOf(file: string, types = true): string[] {
  const source = readFileSync(file, 'utf8');
  const statements = source.matchAll(
    /(\btype\s+(?:\{[^}]*\}|\*)\s*)?(?:\bfrom|\bimport|\bimport\()\s*['`](\.{1,2}\/[^'`]+)\.js['`]/g,
  );
  return [...statements]
    .filter(([, type]) => types || type === undefined)
    .map(([, , path]) => `${resolve(dirname(file), path ?? '')}.ts`);
}

test('docs/architecture.json assigns every file of lib/ to a component', (t) => {
  t.true(files.length > 10);
  for (const file of files) t.truthy(roomOf(pathOf(file)), relative(lib, file));
});

test('every import between components is allowed', (t) => {
  const upward = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => !isAllowed(file, target))
      .map((target) => `${pathOf(file)} imports ${pathOf(target)}`),
  );
  t.deepEqual(upward, []);
});

test('every allowed import between components is used', (t) => {
  const used = new Set(
    files.flatMap((file) =>
      importsOf(file).flatMap((target) => {
        const other = roomOf(pathOf(target));
        return [`${roomOf(pathOf(file))} ${other}`, `${pathOf(file)} ${other}`];
      }),
    ),
  );
  const allowed = Object.entries({ ...arrows, ...exceptions }).flatMap(([from, others]) =>
    others.map((other) => `${from} ${other}`),
  );
  t.deepEqual(
    allowed.filter((arrow) => !used.has(arrow)),
    [],
  );
});

function isAllowed(file: string, target: string): boolean {
  const room = roomOf(pathOf(file)) ?? '';
  const other = roomOf(pathOf(target)) ?? '';
  const others = [...(arrows[room] ?? []), ...(exceptions[pathOf(file)] ?? [])];
  return other === room || others.includes(other);
}

test('only the command line imports modules whose paths are computed at run time', (t) => {
  const computed = files.filter((file) => /\bimport\((?!')/.test(readFileSync(file, 'utf8')));
  t.deepEqual(
    computed.map((file) => relative(lib, file)),
    ['cli/commands.ts', 'cli/import.ts'],
  );
});

test('only lib/package-files.ts derives paths from the path of its module', (t) => {
  const users = files.filter((file) => readFileSync(file, 'utf8').includes('import.meta'));
  t.deepEqual(
    users.map((file) => relative(lib, file)),
    ['package-files.ts'],
  );
});

/**
 * Builds a graph of imports for each folder. A node is a file of the folder, or a subfolder with
 * all its files. If a subfolder imports a file of the folder, this file must not import the
 * subfolder.
 */
function buildFolderGraphs(): Map<string, Graph> {
  const folders = new Map<string, Graph>();
  for (const file of files) {
    for (const target of importsOf(file)) {
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

test('the imports in lib/ form no cycle between folders', (t) => {
  const folders = buildFolderGraphs();
  t.true(folders.size > 10);
  for (const [folder, graph] of folders) {
    for (const name of graph.keys()) {
      if (!name.endsWith('.ts')) t.deepEqual(findCycle(graph, name), [], `in lib/${folder}`);
    }
  }
});

test('no module of lib/ imports itself through other modules', (t) => {
  const graph: Graph = new Map(files.map((file) => [file, new Set(importsOf(file, false))]));
  for (const file of files) t.deepEqual(findCycle(graph, file), []);
});

test('no file has more than 400 lines', (t) => {
  const folders = ['lib', 'native', 'test', 'bench', 'examples', 'scripts', 'assets'];
  const sources = folders.flatMap((folder) => filesOf(folder, /\.(ts|mjs|js|cc|h|c|py|html|css)$/));
  t.true(sources.length > files.length);
  for (const file of sources) {
    const lines = readFileSync(file, 'utf8').split('\n').length - 1;
    t.true(lines <= 400, `${relative(root, file)} has ${lines}`);
  }
});

test('no type declaration in the package has an @internal member', (t) => {
  const declarations = filesOf('dist/lib', /\.d\.ts$/);
  t.true(declarations.length > 10);
  for (const file of declarations) {
    t.false(readFileSync(file, 'utf8').includes('@internal'), relative(root, file));
  }
});
