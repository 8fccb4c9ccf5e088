// What the fuzzed properties have in common: how many inputs, and that a run can be repeated.
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { FULL } from '../full.js';

/** How often an input is made in the long run for one of a short run. */
const FACTOR = 500;

/**
 * Holds a property for that many inputs, and prints the seed: that of a short run is always the
 * same, so that it fails for a change alone. VFIO_FUZZ_SEED repeats a long run.
 *
 * @param inputs - of a short run
 */
export async function fuzz<T>(
  t: ExecutionContext,
  inputs: number,
  inputsOf: fc.Arbitrary<T>,
  holds: (input: T) => unknown,
): Promise<void> {
  t.timeout(60 * 60_000);
  const numRuns = inputs * (FULL ? FACTOR : 1);
  const seed = Number(process.env.VFIO_FUZZ_SEED ?? (FULL ? Date.now() & 0x7fff_ffff : 1));
  const property = fc.asyncProperty(inputsOf, async (input) => {
    await holds(input);
  });
  await fc.assert(property, { numRuns, seed });
  t.log(`${numRuns} inputs, seed ${seed}`);
  t.pass();
}

/** Numbers as bytes and programs have them: small ones, edges of a width, and any. */
export const u32: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 64 }),
  fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);

export const u64: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 0x10_0000n }),
  fc.constantFrom(2n ** 63n, 2n ** 64n - 4096n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
