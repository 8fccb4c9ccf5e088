import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type bindings from 'bindings';
import { commonJsFile, packageFile, thisFile } from '../package-files.js';
import { requireNodeOnLinux } from '../platform.js';
import { describeFailure, notBeside, notBuilt } from './addon-errors.js';
import { libc } from './addon-file.js';

/**
 * Loads the addon. The following places are tried in this order: the path in the variable
 * `VFIO_ADDON`, an addon that was built in the folder of the package, and the prebuilt addon. The
 * prebuilt addon is in the package, or beside the bundle that contains the library.
 */
export function loadAddon(): object {
  requireNodeOnLinux('a real device or a vfio-user socket needs');
  const chosen = process.env.VFIO_ADDON;
  if (chosen !== undefined && chosen !== '') return open(resolve(chosen), 'VFIO_ADDON');
  const root = findPackage();
  if (root !== undefined) {
    const built = join(root, 'build/Release/vfio.node');
    if (existsSync(built)) return openBuilt(root, built);
  }
  const library = libc();
  const prebuilt = `prebuilds/${process.platform}-${process.arch}/vfio.${library}.node`;
  const files = [commonJsFile, thisFile, process.argv[1], process.execPath];
  const beside = files.filter((file) => file !== undefined).map((file) => dirname(file));
  const places = (root === undefined ? beside : [root]).map((folder) => join(folder, prebuilt));
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return open(found, 'prebuilt');
  throw root === undefined ? notBeside([...new Set(places)]) : notBuilt(library);
}

/** Returns the folder of the package, or undefined in a program that a bundler joined. */
function findPackage(): string | undefined {
  if (thisFile === undefined || !existsSync(packageFile('native/vfio.gypi'))) return undefined;
  return packageFile('');
}

/** Loads the addon that node-gyp built. A program on mock devices never loads `bindings`. */
function openBuilt(root: string, path: string): object {
  // webpack warns about a call of the named import `createRequire` with a computed path.
  const load = module.createRequire(packageFile('package.json'))('bindings') as typeof bindings;
  try {
    return load({
      bindings: 'vfio',
      module_root: root,
      try: [['module_root', 'build', 'Release', 'bindings']],
    }) as object;
  } catch (cause) {
    throw describeFailure(cause, path, 'built');
  }
}

/** A bundler does not follow process.dlopen(), so the addon stays a separate file. */
function open(path: string, which: 'VFIO_ADDON' | 'prebuilt'): object {
  const loaded = { exports: {} };
  try {
    process.dlopen(loaded, path);
  } catch (cause) {
    throw describeFailure(cause, path, which);
  }
  return loaded.exports;
}
