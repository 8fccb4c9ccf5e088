// Runs the checks that are too slow for every test run. If no check is named, all checks run:
//   node scripts/check.mjs [tidy] [leaks] [threads] [sanitize] [coverage] [fuzz]
// The checks require the Debian packages clang, clang-tidy and valgrind, and a compiler for the
// addon.
import { leaks, threads, tidy } from './checks/native.mjs';
import { fuzz } from './checks/fuzz.mjs';
import { coverage, sanitize } from './checks/suite.mjs';

const CHECKS = { tidy, leaks, threads, sanitize, coverage, fuzz };

const names = process.argv.slice(2);
const unknown = names.find((name) => !Object.hasOwn(CHECKS, name));
if (unknown !== undefined) {
  console.error(`unknown check '${unknown}': use ${Object.keys(CHECKS).join(', ')}`);
  process.exit(2);
}

const results = [];
for (const [name, check] of Object.entries(CHECKS)) {
  if (names.length > 0 && !names.includes(name)) continue;
  console.log(`=== ${name}`);
  const start = performance.now();
  let outcome;
  try {
    outcome = `passed: ${await check()}`;
  } catch (error) {
    outcome = `failed: ${error.message}`;
    process.exitCode = 1;
  }
  results.push(`${name} ${outcome} (${Math.round((performance.now() - start) / 1000)} s)`);
  console.log(results.at(-1));
}
console.log(`\n${results.join('\n')}`);
