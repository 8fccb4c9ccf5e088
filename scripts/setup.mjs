// Prepares a clone of the repository, so that its programs can run. Skips steps that are up to
// date.
//   node scripts/setup.mjs              packages, TypeScript, bundles, addon
//   node scripts/setup.mjs typescript   packages, TypeScript and bundles only
//   node scripts/setup.mjs library      packages and the TypeScript of lib/ only, without bundles
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...parts) => join(root, ...parts);

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : -Infinity;
}

/** Returns the time of the latest change in files and folders, in ms. */
function newest(...paths) {
  const times = paths.flatMap((path) => {
    if (!existsSync(path)) return [];
    if (!statSync(path).isDirectory()) return [modified(path)];
    return readdirSync(path).map((name) => newest(join(path, name)));
  });
  return Math.max(-Infinity, ...times);
}

/**
 * Removes compiled files whose source file was deleted. npm would ship the old compiled files, and
 * ava would run old tests.
 */
function prune(dist) {
  for (const path of readdirSync(dist, { recursive: true })) {
    const source = path.replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
    if (source !== path && !existsSync(at(source))) rmSync(join(dist, path));
  }
}

function run(what, file, ...args) {
  console.error(`# ${what}`);
  // The output of the program goes to standard error. The caller can use standard output for its
  // own output.
  execFileSync(file, args, { cwd: root, stdio: ['ignore', 2, 2] });
}

if (modified(at('node_modules/.package-lock.json')) < modified(at('package-lock.json'))) {
  run('installing packages', 'npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
}

const part = process.argv[2];

/** Compiles a project of TypeScript if a source file is newer than the stamp of the last run. */
function compile(project, stamp, ...sources) {
  if (modified(stamp) >= newest(...sources, at('tsconfig.json'), at('scripts/bundle.mjs'))) return;
  rmSync(at('dist'), { recursive: true, force: true });
  const tsc = at('node_modules/typescript/bin/tsc');
  run(`compiling TypeScript (${project})`, process.execPath, tsc, '-p', at(project));
  if (part !== 'library') run('bundling the library', process.execPath, at('scripts/bundle.mjs'));
  execFileSync('touch', [stamp]);
}

const everything = [at('lib'), at('test'), at('examples'), at('bench')];
if (part !== 'library') compile('tsconfig.json', at('dist/.built'), ...everything);
else if (modified(at('dist/.built')) < newest(at('lib')))
  compile('tsconfig.library.json', at('dist/.library'), at('lib'));
prune(at('dist'));

if (part === undefined) {
  if (
    modified(at('build/Release/vfio.node')) <
    newest(at('native/addon'), at('native/core'), at('native/vfio.gypi'), at('binding.gyp'))
  ) {
    // If this Node installation includes the Node headers, node-gyp uses these headers and
    // downloads nothing.
    const prefix = dirname(dirname(process.execPath));
    const local = existsSync(join(prefix, 'include/node/node_api.h'));
    const gyp = at('node_modules/node-gyp/bin/node-gyp.js');
    const nodedir = local ? [`--nodedir=${prefix}`] : [];
    run(
      'building the addon',
      process.execPath,
      gyp,
      'rebuild',
      '--loglevel=warn',
      '--jobs=max',
      ...nodedir,
    );
  }
}
