// Like served.test.ts, for the tests of programs with mistakes and of processes that end.
import './served.js';
import './lifetimes.test.js';
import './endings.test.js';
