import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { url } = import.meta as { url?: string };

/**
 * Path of the file that contains this code: a file in dist/lib, or a program that a bundler joined
 * with the library. In a bundle of webpack, the path of the source on the machine that made the
 * bundle. Undefined in other bundles of the format CommonJS, which have no import.meta.url.
 */
export const thisFile = url?.startsWith('file:') === true ? fileURLToPath(url) : undefined;

/** Path of the bundle of the format CommonJS that contains this code. Undefined in an ES module. */
export const commonJsFile = typeof __filename === 'string' ? __filename : undefined;

/**
 * Returns the path of a file of the package, for example `assets/trace`. No other module derives a
 * path from import.meta.url, because scripts/bundle.mjs moves the code of the modules to files in
 * dist/lib. This module is in dist/lib, too.
 */
export function packageFile(path: string): string {
  return join(thisFile ?? '', '../../..', path);
}
