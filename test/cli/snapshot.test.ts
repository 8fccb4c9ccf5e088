import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';

test('a new snapshot is complete, and no temporary file is left', async (t) => {
  const folder = temporaryFolder();
  t.is((await vfioHere(['snapshot', 'mock:edu', join(folder, 'card.json')])).code, 0);
  t.deepEqual(readdirSync(folder), ['card.json']);
  t.is((await vfioHere(['config', `mock:${join(folder, 'card.json')}`])).code, 0);
});
