import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root } from './helpers.js';

interface Target {
  sources: string[];
  defines: string[];
}

/** Parses native/vfio.gypi, which is JSON with comments on separate lines. */
function gypTarget(): Target {
  const text = readFileSync(join(root, 'native/vfio.gypi'), 'utf8').replace(/^\s*#.*$/gm, '');
  const [target] = (JSON.parse(text) as { targets: Target[] }).targets;
  if (target === undefined) throw new Error('native/vfio.gypi has no target');
  return target;
}

const cmake = readFileSync(join(root, 'CMakeLists.txt'), 'utf8');

/**
 * Returns the words that follow `start` in a command of CMakeLists.txt. `start` consists of the
 * command's name, an open parenthesis and the first word.
 */
function cmakeWords(start: string): string[] {
  const at = cmake.indexOf(start);
  if (at < 0) throw new Error(`CMakeLists.txt has no ${start}`);
  const words = cmake.slice(at + start.length, cmake.indexOf(')', at));
  return words.trim().split(/\s+/);
}

const sourcesOf = (words: string[]) => words.filter((word) => word.endsWith('.cc'));

test('native/vfio.gypi and CMakeLists.txt build every source file', (t) => {
  const gyp = gypTarget()
    .sources.map((source) => `native/${source}`)
    .toSorted();
  const built = [
    ...sourcesOf(cmakeWords('add_library(vfio SHARED')),
    ...sourcesOf(cmakeWords('add_library(core OBJECT')),
  ];
  t.deepEqual(built.toSorted(), gyp);
  const present = ['native/addon', 'native/core'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.cc'))
      .map((name) => `${folder}/${name}`),
  );
  t.deepEqual(present.toSorted(), gyp);
});

test('native/vfio.gypi and CMakeLists.txt have the same definitions', (t) => {
  const defines = cmakeWords('target_compile_definitions(vfio PRIVATE');
  // In native/vfio.gypi, the dependency node_addon_api_except adds the definition NAPI_CPP_EXCEPTIONS.
  t.true(defines.includes('NAPI_CPP_EXCEPTIONS'));
  t.deepEqual(
    defines.filter((define) => define !== 'NAPI_CPP_EXCEPTIONS').toSorted(),
    gypTarget().defines.toSorted(),
  );
});
