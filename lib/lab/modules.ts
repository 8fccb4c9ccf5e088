import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VfioError } from '../errors.js';

/** What the guest needs beyond a kernel's built-in parts. */
const REQUIRED = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay', 'vfio_pci'];
/** Ways into the IOMMU: a kernel has one or both. */
const OPTIONAL = ['vfio_iommu_type1', 'iommufd'];

/** A kernel module, unpacked. */
export interface Module {
  readonly name: string;
  readonly data: Uint8Array;
}

/** The modules of one kernel. */
export interface ModuleSource {
  /** Part of the kernel itself: nothing to load. */
  isBuiltin(name: string): boolean;
  /** The module's object file, or undefined when there is none. */
  load(name: string): Uint8Array | undefined;
}

/** File and module names spell the same thing with dashes or underscores. */
function nameOf(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

function unpack(path: string): Uint8Array {
  if (path.endsWith('.gz')) return gunzipSync(readFileSync(path));
  const tool = path.endsWith('.xz') ? 'xz' : path.endsWith('.zst') ? 'zstd' : undefined;
  if (tool === undefined) return readFileSync(path);
  return execFileSync(tool, ['-dc', path], { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 2] });
}

/** The modules under a kernel's `/lib/modules/<release>`. */
export function moduleFolder(folder: string): ModuleSource {
  const files = new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.ko(\.\w+)?$/.test(path))
      .map((path) => [nameOf(path), join(folder, path)]),
  );
  const builtin = new Set(
    readFileSync(join(folder, 'modules.builtin'), 'utf8').split('\n').map(nameOf),
  );
  return {
    isBuiltin: (name) => builtin.has(name),
    load: (name) => {
      const path = files.get(name);
      return path === undefined ? undefined : unpack(path);
    },
  };
}

/** The bytes of a section of a 64-bit little-endian ELF file. */
function elfSection(file: Uint8Array, name: string): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const table = Number(view.getBigUint64(0x28, true));
  const [entrySize, count, namesIndex] = [0x3a, 0x3c, 0x3e].map((at) => view.getUint16(at, true));
  const section = (index: number): Uint8Array => {
    const header = table + index * (entrySize ?? 0);
    const offset = Number(view.getBigUint64(header + 0x18, true));
    return file.subarray(offset, offset + Number(view.getBigUint64(header + 0x20, true)));
  };
  const names = Buffer.from(section(namesIndex ?? 0));
  for (let index = 0; index < (count ?? 0); index++) {
    const start = view.getUint32(table + index * (entrySize ?? 0), true);
    if (names.toString('latin1', start, names.indexOf(0, start)) === name) return section(index);
  }
  return new Uint8Array();
}

/** Names of the modules that must be loaded before this one: `depends=` of its `.modinfo`. */
function dependencies(module: Uint8Array): string[] {
  const info = Buffer.from(elfSection(module, '.modinfo')).toString('latin1').split('\0');
  const depends = info.find((entry) => entry.startsWith('depends='))?.slice('depends='.length);
  return (depends ?? '')
    .split(',')
    .filter((name) => name !== '')
    .map(nameOf);
}

/**
 * The modules the guest loads, in an order in which each finds what it depends on.
 *
 * `modules.dep` would say the same, but a package that was unpacked and not installed has none.
 *
 * @throws VfioError `ENOENT` when the kernel lacks a part the lab cannot do without.
 */
export function planModules(source: ModuleSource): Module[] {
  const plan = new Map<string, Module>();
  const add = (name: string): boolean => {
    if (plan.has(name) || source.isBuiltin(name)) return true;
    const data = source.load(name);
    if (data === undefined) return false;
    dependencies(data).forEach(require);
    plan.set(name, { name, data });
    return true;
  };
  const require = (name: string): void => {
    if (add(name)) return;
    throw new VfioError({ code: 'ENOENT', message: `the kernel has no module ${name}` });
  };
  REQUIRED.forEach(require);
  OPTIONAL.forEach(add);
  return [...plan.values()];
}
