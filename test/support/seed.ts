import fc from 'fast-check';
import { LONG } from './thorough.ts';

// A change is judged by the same cases each time, so that what fails is due to the change. What
// nobody has thought of yet is looked for by the long run, whose seeds are drawn, and printed.
if (!LONG) fc.configureGlobal({ seed: 20_261_128 });
