// Copies the built addon to prebuilds/, for `npm pack`. The addon uses Node-API, so one addon works
// with all versions of Node.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const target = at(`prebuilds/${process.platform}-${process.arch}/vfio.glibc.node`);

mkdirSync(dirname(target), { recursive: true });
copyFileSync(at('build/Release/vfio.node'), target);
execFileSync('strip', ['--strip-unneeded', target]);
