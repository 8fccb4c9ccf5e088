/**
 * Stands for a traced program with a long trace: writes one file into the folder `VFIO_TRACE`, with
 * 500 names.
 */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(process.env.VFIO_TRACE ?? '', '1-0.jsonl');
writeFileSync(file, '[1,1,1,"read32","0"]\n'.repeat(100_000));
for (let i = 1; i < 500; i++) symlinkSync('1-0.jsonl', `${file}.${i}`);
