import fc from 'fast-check';
import { SEED } from './full.js';

/** fast-check, whose properties have the seed of the random tests. A failed property prints its seed. */
fc.configureGlobal({ seed: SEED });

export default fc;
