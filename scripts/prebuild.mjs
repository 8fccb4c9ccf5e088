// Builds the prebuilt addons for `npm pack`: prebuilds/linux-<arch>/vfio.<libc>.node. The names are
// those of node-gyp-build. An addon uses Node-API, so one addon works with all versions of Node.
//   node scripts/prebuild.mjs               builds every addon whose compiler is installed, and names
//                                           the others
//   node scripts/prebuild.mjs arm64-glibc   builds one addon
//
// The compilers are Debian's, which build for x64 and arm64 on one machine. The npm registry has no
// official package of Zig, and the cross compilers in the npm registry do not know C++17.
// libstdc++ is linked statically, and native/prebuilt has what glibc 2.28 and musl lack.
// test/package/prebuilt.test.ts checks the symbols. Built addons are cached under a hash of
// everything that the build reads.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...parts) => join(root, ...parts);
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vfio/prebuilds');
const HEADERS = join(dirname(dirname(process.execPath)), 'include/node');
const NODE_ADDON_API = dirname(createRequire(import.meta.url).resolve('node-addon-api'));

const TARGETS = ['x64', 'arm64'].flatMap((arch) =>
  ['glibc', 'musl'].map((libc) => {
    const cpu = { x64: 'x86_64', arm64: 'aarch64' }[arch];
    const compiler = `${cpu}-linux-gnu-g++`;
    const debian = { x64: 'amd64', arm64: 'arm64' }[arch];
    const musl = `${cpu}-linux-musl`;
    return {
      arch,
      libc,
      compiler,
      musl,
      packages: [
        `g++-${cpu.replace('_', '-')}-linux-gnu`,
        ...(libc === 'musl' ? [`musl-dev:${debian}`] : []),
      ],
    };
  }),
);

/** Reads native/vfio.gypi, which is JSON with comments on separate lines. */
function readGyp() {
  const text = readFileSync(at('native/vfio.gypi'), 'utf8').replace(/^\s*#.*$/gm, '');
  const [target] = JSON.parse(text).targets;
  return {
    sources: target.sources.map((source) => `native/${source}`),
    flags: [
      ...target.cflags_cc,
      ...[...target.defines, 'NAPI_CPP_EXCEPTIONS'].map((define) => `-D${define}`),
      // The flags of node-gyp's release build.
      ...['-O3', '-fPIC', '-fno-rtti', '-fexceptions', '-fno-omit-frame-pointer', '-pthread'],
      ...['-ffunction-sections', '-fdata-sections', `-ffile-prefix-map=${root}=`],
      ...['-isystem', HEADERS, '-isystem', NODE_ADDON_API],
    ],
    link: target.ldflags,
  };
}

/**
 * Returns the flags that replace the headers of glibc by the headers of musl. The headers of C++, of
 * the compiler and of the kernel stay.
 */
async function muslFlags({ compiler, musl }, folder) {
  const { stderr } = await exec(compiler, [
    '-E',
    '-v',
    '-x',
    'c++',
    '/dev/null',
    '-o',
    '/dev/null',
  ]);
  // A path such as /usr/lib/gcc-cross/…/../../include can be the folder of glibc.
  const paths = stderr
    .match(/(?<=^ )\/.+$/gm)
    .filter((path) => existsSync(path))
    .map((path) => resolve(path));
  const own = paths.filter((path) => /\/c\+\+\/|\/gcc(-cross)?\/.*\/include$/.test(path));
  for (const name of ['linux', 'asm', 'asm-generic']) {
    const from = paths.find((path) => existsSync(join(path, name)));
    symlinkSync(join(from, name), join(folder, name));
  }
  const search = [...own, `/usr/include/${musl}`, folder].flatMap((path) => ['-isystem', path]);
  return ['-nostdinc', ...search, '-include', at('native/prebuilt/musl.h')];
}

/**
 * Returns the flags of the linker. Node.js uses libgcc_s, so the process of an addon for musl has
 * that library already.
 */
function linkFlags({ libc, musl }) {
  const flags = ['-shared', '-s', '-Wl,--gc-sections', '-Wl,--exclude-libs,ALL'];
  if (libc === 'glibc') return [...flags, '-static-libstdc++'];
  const runtime = ['-nodefaultlibs', '-Wl,-Bstatic', '-lstdc++', '-lgcc', '-Wl,-Bdynamic'];
  return [...flags, ...runtime, `-L/usr/lib/${musl}`, '-lc'];
}

/** Returns a hash of the sources, the options, and the versions of the headers and the compiler. */
async function hash(target) {
  const sum = createHash('sha256');
  const folders = ['native/addon', 'native/core', 'native/prebuilt'].map((name) => at(name));
  for (const folder of [...folders, NODE_ADDON_API]) {
    for (const name of readdirSync(folder).sort()) {
      if (/\.(cc|h)$/.test(name)) sum.update(`${name}\n`).update(readFileSync(join(folder, name)));
    }
  }
  for (const name of ['native/vfio.gypi', 'scripts/prebuild.mjs'])
    sum.update(readFileSync(at(name)));
  const { stdout } = await exec(target.compiler, ['--version']);
  return sum.update(`${process.version} ${stdout}${target.arch} ${target.libc}`).digest('hex');
}

async function build(target, file) {
  const folder = mkdtempSync(join(cache, 'build-'));
  try {
    const { sources, flags, link } = readGyp();
    const own = target.libc === 'musl' ? await muslFlags(target, folder) : [];
    const inputs = [...sources, 'native/prebuilt/compatibility.cc'];
    const objects = inputs.map((source, i) => join(folder, `${i}-${basename(source)}.o`));
    const waiting = inputs.map((source, i) => [
      ...own,
      ...flags,
      '-c',
      at(source),
      '-o',
      objects[i],
    ]);
    const work = async () => {
      for (let args; (args = waiting.shift());) await exec(target.compiler, args);
    };
    await Promise.all(Array.from({ length: availableParallelism() }, work));
    const output = join(folder, 'vfio.node');
    await exec(target.compiler, ['-o', output, ...objects, ...link, ...linkFlags(target)]);
    renameSync(output, file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const only = process.argv[2];
if (!existsSync(join(HEADERS, 'node_api.h'))) {
  console.error(
    `# no addon: this Node.js has no headers in ${HEADERS}. Use a Node.js with headers.`,
  );
  process.exit(1);
}
mkdirSync(cache, { recursive: true });
if (only === undefined) rmSync(at('prebuilds'), { recursive: true, force: true });
for (const target of TARGETS) {
  const { arch, libc, compiler, musl, packages } = target;
  if (only !== undefined && only !== `${arch}-${libc}`) continue;
  const result = at(`prebuilds/linux-${arch}/vfio.${libc}.node`);
  rmSync(result, { force: true });
  const installed = existsSync(join('/usr/bin', compiler));
  if (!installed || (libc === 'musl' && !existsSync(`/usr/include/${musl}`))) {
    console.error(`# no addon for ${arch} with ${libc}: apt-get install ${packages.join(' ')}`);
    continue;
  }
  const file = join(cache, `${await hash(target)}.node`);
  if (!existsSync(file)) {
    console.error(`# building the addon for ${arch} with ${libc}`);
    await build(target, file);
  }
  mkdirSync(dirname(result), { recursive: true });
  copyFileSync(file, result);
}
