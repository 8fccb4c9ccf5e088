import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export const root = fileURLToPath(new URL('../../..', import.meta.url));

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};
/** The package as npm would publish it. `npm run test:package` packs it before the tests run. */
export const tarball = join(root, `build/vfio-${version}.tgz`);

/** An empty project that installs the package. */
export class Consumer {
  readonly folder = mkdtempSync(join(tmpdir(), 'vfio-consumer-'));
  readonly #env: NodeJS.ProcessEnv;

  /**
   * @param compiler - whether the PATH of the project contains a compiler
   * @param env - additional variables of the programs that {@link run} starts
   */
  constructor(compiler: boolean, env: Readonly<Record<string, string>> = {}) {
    const path = compiler ? process.env.PATH : this.#bare();
    // The environment of the consumer must not contain the npm variables of this project.
    const own = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
    this.#env = { ...Object.fromEntries(own), ...env, PATH: path };
    this.write('package.json', '{ "private": true }');
  }

  write(name: string, text: string): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Runs a program in the project and returns its output. */
  async run(file: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
    try {
      return await exec(file, args, { cwd: this.folder, env: this.#env });
    } catch (error) {
      // The message of execFile() contains standard error only. Compilers print to standard output.
      if (error instanceof Error && 'stdout' in error) error.message += String(error.stdout);
      throw error;
    }
  }

  /** Installs packages with the npm of this machine. */
  async install(...packages: string[]): Promise<void> {
    await this.run('npm', 'install', '--prefer-offline', '--no-audit', ...packages);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The prebuilt addon of the installed package. */
  get addon(): string {
    return this.path(`node_modules/vfio/prebuilds/linux-${process.arch}/vfio.glibc.node`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * Creates a folder for PATH and returns its path. The folder contains only Node, npm, and the
   * programs that npm's scripts start.
   */
  #bare(): string {
    const bin = join(this.folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    for (const name of ['npm', 'npx', 'sh', 'env']) {
      const found = (process.env.PATH ?? '')
        .split(':')
        .map((folder) => join(folder, name))
        .find((path) => existsSync(path));
      if (found !== undefined) symlinkSync(found, join(bin, name));
    }
    return bin;
  }
}
