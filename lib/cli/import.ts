import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from './usage.js';

/**
 * Imports a JavaScript module, for example a module that registers device models.
 *
 * @param module - the path of a file, or the name of a package that the current folder can import
 * @throws UsageError if the module does not exist; every error that the module throws
 */
export async function importModule(module: string): Promise<void> {
  await import(findModule(module));
}

function findModule(module: string): string {
  const path = resolve(module);
  try {
    const require = createRequire(join(process.cwd(), 'package.json'));
    return pathToFileURL(existsSync(path) ? path : require.resolve(module)).href;
  } catch {
    throw new UsageError(`--import: there is no module '${module}'`);
  }
}
