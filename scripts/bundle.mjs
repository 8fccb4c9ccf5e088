// Joins the compiled modules of lib/ to a few bundles. Node.js needs about 0.6 ms to load a module,
// and Node.js in a guest of the lab about 10 ms, so the 450 modules of `vfio` would load slowly. A
// module that is in a bundle still has a file, which exports the names of the module from the
// bundle. Tests can therefore import each module.
import { readFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';
import { COMMANDS } from '../dist/lib/cli/commands.js';

const lib = fileURLToPath(new URL('../dist/lib', import.meta.url));

/**
 * The modules that a program or a command line loads first. Modules that the same entries import,
 * directly or through other modules, are in one bundle. An entry therefore loads only code that the
 * entry imports. Modules that only a running command imports, for example a driver of `vfio demo`,
 * are in no bundle.
 */
const ENTRIES = {
  start: ['cli/command-line.js', 'cli/list.js', 'backend/mock/models/registry.js'],
  commands: Object.keys(COMMANDS).map((name) => `cli/${name}.js`),
  mock: ['mock.js'],
  index: ['index.js'],
  lab: ['lab/index.js'],
};

/**
 * Messages of rollup without a consequence: a module that has only types is empty, and TypeScript's
 * code for `using` refers to `this`.
 */
const HARMLESS = new Set(['EMPTY_BUNDLE', 'THIS_IS_UNDEFINED']);

/** Returns the names of the entries that import a module, by the path of the module. */
function divide(getModuleInfo) {
  const entries = new Map();
  const add = (id, entry) => {
    const { isExternal, importedIds } = getModuleInfo(id);
    const names = entries.get(id) ?? [];
    if (isExternal || names.includes(entry)) return;
    entries.set(id, [...names, entry]);
    for (const imported of importedIds) add(imported, entry);
  };
  for (const [entry, named] of Object.entries(ENTRIES)) {
    for (const module of named) add(join(lib, module), entry);
  }
  return entries;
}

/**
 * Reads a module with its source map, so that a stack trace shows lines of the TypeScript files. The
 * check `coverage` also needs the text of the TypeScript file.
 */
async function load(id) {
  const map = JSON.parse(await readFile(`${id}.map`, 'utf8'));
  const source = await readFile(resolve(dirname(id), map.sources[0]), 'utf8');
  return { code: await readFile(id, 'utf8'), map: { ...map, sourcesContent: [source] } };
}

const modules = readdirSync(lib, { recursive: true }).filter((path) => path.endsWith('.js'));
let entries;
const build = await rollup({
  input: Object.fromEntries(modules.map((path) => [path.slice(0, -'.js'.length), join(lib, path)])),
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
  // Each file exports exactly the names of its module.
  preserveEntrySignatures: 'strict',
  treeshake: false,
  plugins: [{ name: 'source maps', load }],
  // Every other message of rollup is an error.
  onLog(level, log, handle) {
    if (!HARMLESS.has(log.code)) handle('error', log);
  },
});
await build.write({
  dir: lib,
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: 'bundle-[name].mjs',
  hoistTransitiveImports: false,
  manualChunks(id, { getModuleInfo }) {
    entries ??= divide(getModuleInfo);
    return entries.get(id)?.join('-');
  },
});
await build.close();
