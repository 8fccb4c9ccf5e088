import { VfioError } from '../errors.js';
import { MOCKS } from '../platform.js';
import { describeAddonFile } from './addon-file.js';

/** With Plug'n'Play, npx does not find the commands of a package. */
const BUILD = process.versions.pnp === undefined ? 'npx vfio build' : 'yarn vfio build';

/** The file of the addon: named by the variable, built by node-gyp, or prebuilt. */
type AddonKind = 'VFIO_ADDON' | 'built' | 'prebuilt';

const NAMES: Readonly<Record<AddonKind, string>> = {
  VFIO_ADDON: 'the file of VFIO_ADDON',
  built: 'the native addon that was built',
  prebuilt: 'the native addon of the package',
};

/** Returns the error for an addon that does not load. @param cause - what the loader has thrown */
export function describeFailure(cause: unknown, path: string, kind: AddonKind): VfioError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_DLOPEN_DISABLED') {
    return refused(cause);
  }
  const text = cause instanceof Error ? cause.message.split('\n', 1).join('') : String(cause);
  const own = describeAddonFile(path);
  const reason = own === null ? text : `${path}: ${own}`;
  return new VfioError({
    code: 'ENOENT',
    message: `${NAMES[kind]} does not load: ${reason}`,
    hint:
      kind === 'VFIO_ADDON'
        ? `Unset VFIO_ADDON, or set it to the path of an addon for this system. ${MOCKS}`
        : `Run '${BUILD}' to build the addon for this system. ${MOCKS}`,
    cause,
  });
}

function refused(cause: Error): VfioError {
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

/** Returns the error for a system without a prebuilt addon. */
export function notBuilt(libc: string): VfioError {
  return new VfioError({
    code: 'ENOENT',
    message: `the package has no native addon for ${process.platform}-${process.arch} (${libc})`,
    hint: `Run '${BUILD}' to build the addon. ${MOCKS}`,
  });
}

/** Returns the error for a bundle without an addon. @param places - paths that do not exist */
export function notBeside(places: readonly string[]): VfioError {
  return new VfioError({
    code: 'ENOENT',
    message: `the native addon is not beside the bundle: none of these files exists: ${places.join(', ')}`,
    hint: `Copy the folder prebuilds of the package vfio to the folder of the bundle, or set VFIO_ADDON to the path of the addon, or mark vfio as external. ${MOCKS}`,
  });
}
