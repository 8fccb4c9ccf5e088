import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type bindings from 'bindings';
import { VfioError } from '../errors.js';
import { packageFile, thisFile } from '../package-files.js';

const MOCKS = "Mock devices ('vfio/mock', mock:nvme) work without the addon.";

/**
 * Loads the addon. The following places are tried in this order: the path in the variable
 * `VFIO_ADDON`, an addon that was built in the folder of the package, and the prebuilt addon. The
 * prebuilt addon is in the package, or beside the bundle that contains the library.
 */
export function loadAddon(): object {
  refuseOtherSystems();
  const chosen = process.env.VFIO_ADDON;
  if (chosen !== undefined && chosen !== '') return open(resolve(chosen), 'of VFIO_ADDON');
  const root = findPackage();
  if (root !== undefined && existsSync(join(root, 'build/Release/vfio.node'))) {
    return openBuilt(root);
  }
  const prebuilt = `prebuilds/${process.platform}-${process.arch}/vfio.${libc()}.node`;
  const files = [thisFile, process.argv[1], process.execPath].filter((file) => file !== undefined);
  const folders = [root, ...files.map((file) => dirname(file))].filter((at) => at !== undefined);
  const places = [...new Set(folders.map((folder) => join(folder, prebuilt)))];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return open(found, 'of the package');
  throw root === undefined ? notBeside(places) : notBuilt();
}

/** Other systems have no VFIO. Bun aborts when it loads the addon, and Deno ends with SIGSEGV. */
function refuseOtherSystems(): void {
  const other = (['Bun', 'Deno'] as const).find((name) => name.toLowerCase() in process.versions);
  if (other === undefined && process.platform === 'linux') return;
  throw new VfioError({
    code: 'ENOTSUP',
    message: `a real device needs Node.js on Linux; this program runs on ${other ?? process.platform}`,
    hint: MOCKS,
  });
}

/** Returns the folder of the package, or undefined in a program that a bundler joined. */
function findPackage(): string | undefined {
  if (thisFile === undefined || !existsSync(packageFile('native/vfio.gypi'))) return undefined;
  return packageFile('');
}

/** Returns the name of the C library, as node-gyp-build spells the name in prebuilt files. */
function libc(): 'glibc' | 'musl' {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  const { excludeNetwork } = report;
  // The report looks up the names of connected hosts otherwise, which can take seconds.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** Loads the addon that node-gyp built. A program on mock devices never loads `bindings`. */
function openBuilt(root: string): object {
  const load = createRequire(packageFile('package.json'))('bindings') as typeof bindings;
  try {
    return load({
      bindings: 'vfio',
      module_root: root,
      try: [['module_root', 'build', 'Release', 'bindings']],
    }) as object;
  } catch (cause) {
    throw describe(cause, 'that was built');
  }
}

/** A bundler does not follow process.dlopen(), so the addon stays a separate file. */
function open(path: string, which: string): object {
  const module = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (cause) {
    throw describe(cause, which);
  }
  return module.exports;
}

function describe(cause: unknown, which: string): VfioError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_DLOPEN_DISABLED') {
    const { permission } = process as { permission?: object };
    const isRestricted = permission !== undefined;
    return new VfioError({
      code: 'EACCES',
      message: isRestricted
        ? 'the permission model of Node.js refuses native addons'
        : 'the option --no-addons of Node.js refuses native addons',
      hint: `Start Node.js ${isRestricted ? 'with --allow-addons' : 'without --no-addons'}. ${MOCKS}`,
      cause,
    });
  }
  const reason = cause instanceof Error ? cause.message.split('\n', 1).join('') : String(cause);
  return new VfioError({
    code: 'ENOENT',
    message: `the native addon ${which} does not load: ${reason}`,
    hint: `Run 'npx vfio build' to build the addon for this system. ${MOCKS}`,
    cause,
  });
}

function notBuilt(): VfioError {
  return new VfioError({
    code: 'ENOENT',
    message: `the package has no native addon for ${process.platform}-${process.arch} (${libc()})`,
    hint: `Run 'npx vfio build' to build the addon. ${MOCKS}`,
  });
}

function notBeside(places: readonly string[]): VfioError {
  return new VfioError({
    code: 'ENOENT',
    message: `the native addon is not beside the bundle: none of these files exists: ${places.join(', ')}`,
    hint: `Copy the folder prebuilds of the package vfio to the folder of the bundle, or set VFIO_ADDON to the path of the addon, or mark vfio as external. ${MOCKS}`,
  });
}
