import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { VfioError } from '../errors.js';
import { packageFile } from '../package-files.js';
import { requireNodeOnLinux } from '../platform.js';
import { writeBuildFile } from './build-file.js';
import { defineCommand } from './command.js';
import { Interruption } from './interruption.js';

const ROOT = packageFile('');
/** The prefix of the Node.js installation. */
const PREFIX = dirname(dirname(process.execPath));

/** The programs that node-gyp starts, and the variable that selects another program. */
const TOOLS = { python3: 'PYTHON', make: 'MAKE', 'g++': 'CXX' } as const;

export const command = defineCommand({
  about: `Builds the native addon with node-gyp, in the folder of the package. Only a system without
    a prebuilt addon needs this command. The build needs python3, make, g++, and the headers of
    Node.js. If the installation of Node.js has no headers, node-gyp downloads the headers. The
    built addon has priority over the prebuilt addon.`,
  operands: {},
  options: {},
  examples: ['vfio build'],
  async run() {
    requireNodeOnLinux('the native addon needs');
    // node-gyp would take an empty PYTHON as a program.
    const env = Object.fromEntries(Object.entries(process.env).filter(([, text]) => text !== ''));
    checkTools(env);
    const [file = '', ...args] = nodeGyp();
    // A signal ends node-gyp, and this process then removes the file.
    const interruption = new Interruption();
    const removeBuildFile = writeBuildFile(ROOT);
    try {
      const headers = existsSync(join(PREFIX, 'include/node/node_api.h'));
      const build = ['rebuild', '--loglevel=warn', '--jobs=max'];
      if (headers) build.push(`--nodedir=${PREFIX}`);
      const child = spawn(file, [...args, ...build], { cwd: ROOT, env, stdio: ['ignore', 2, 2] });
      interruption.signal.addEventListener('abort', () => child.kill());
      const [status] = (await once(child, 'close')) as [number | null];
      if (interruption.signal.aborted) return interruption.exitCode;
      if (status !== 0) return 1;
    } finally {
      interruption.close();
      removeBuildFile();
    }
    console.log(join(ROOT, 'build/Release/vfio.node'));
    return 0;
  },
});

function checkTools(env: NodeJS.ProcessEnv): void {
  const folders = (env.PATH ?? '').split(delimiter);
  const isInstalled = (tool: string) =>
    (isAbsolute(tool) ? [tool] : folders.map((folder) => join(folder, tool))).some(existsSync);
  const missing = Object.entries(TOOLS)
    .map(([tool, variable]) => env[variable] ?? tool)
    // CXX can be a compiler with a wrapper or options: `ccache g++`.
    .filter((tool) => ![tool, tool.split(' ', 1).join('')].some(isInstalled));
  if (missing.length === 0) return;
  throw new VfioError({
    code: 'ENOENT',
    message: `the build of the addon needs ${missing.join(' and ')}`,
    hint: 'On Debian and Ubuntu, run apt-get install python3 make g++. On Alpine, run apk add python3 make g++. On Fedora, run dnf install python3 make gcc-c++.',
  });
}

/** Returns the command line of node-gyp: of npm, of the project, or of the Node.js installation. */
function nodeGyp(): string[] {
  const script = 'node-gyp/bin/node-gyp.js';
  const places = [
    process.env.npm_config_node_gyp,
    ...[ROOT, process.cwd()].map((from) => resolved(join(from, 'package.json'), script)),
    join(PREFIX, 'lib/node_modules/npm/node_modules', script),
  ];
  const found = places.find((place) => place !== undefined && existsSync(place));
  if (found !== undefined) return [process.execPath, found];
  throw new VfioError({
    code: 'ENOENT',
    message: 'the build of the addon needs node-gyp',
    hint: 'Add node-gyp to your project (npm install --save-dev node-gyp, or pnpm add --save-dev node-gyp), then run vfio build again.',
  });
}

function resolved(from: string, module: string): string | undefined {
  try {
    return createRequire(from).resolve(module);
  } catch {
    return undefined;
  }
}
