// Helpers of the fuzz tests: the number of inputs, the seed, and random integers.
import type { ExecutionContext } from 'ava';
import fc from '../fast-check.js';
import { FULL, SEED } from '../full.js';

/** The number of inputs of a full run, divided by the number of inputs of a short run. */
const FACTOR = 500 * Number(process.env.VFIO_FUZZ_RUNS ?? 1);

/**
 * Checks a property with random inputs and logs the seed of the inputs. A short run always uses the
 * same seed. Only a change of the code can therefore make a short run fail. With VFIO_TEST_SEED, a
 * full run can be repeated with the same seed.
 *
 * @param inputs - number of inputs of a short run
 */
export async function fuzz<T>(
  t: ExecutionContext,
  inputs: number,
  inputsOf: fc.Arbitrary<T>,
  holds: (input: T) => unknown,
): Promise<void> {
  t.timeout(60 * 60_000);
  const numRuns = Math.ceil(inputs * (FULL ? FACTOR : 1));
  const property = fc.asyncProperty(inputsOf, async (input) => {
    await holds(input);
  });
  await fc.assert(property, { numRuns });
  t.log(`${numRuns} inputs, seed ${SEED}`);
  t.pass();
}

/** Random unsigned 32-bit integers. Small integers and integers near a limit are frequent. */
export const u32: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 64 }),
  fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);

/** Random unsigned 64-bit integers. Small integers and integers near a limit are frequent. */
export const u64: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 0x10_0000n }),
  fc.constantFrom(2n ** 63n, 2n ** 64n - 4096n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
