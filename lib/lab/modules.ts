import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VfioError } from '../errors.js';

/** Modules that the guest needs, unless built in. */
const REQUIRED = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay', 'vfio_pci'];
/** IOMMU interfaces, of which a kernel has one or both. */
const OPTIONAL = ['vfio_iommu_type1', 'iommufd'];

/** An uncompressed kernel module. */
export interface Module {
  readonly name: string;
  readonly data: Uint8Array;
}

/** The modules of one kernel. */
export interface ModuleSource {
  /** Whether the kernel has the module built in. */
  isBuiltin(name: string): boolean;
  /** Reads the module's object file; undefined if there is none. */
  load(name: string): Uint8Array | undefined;
}

/** Returns the module name of a file, with underscores for dashes. */
function nameOf(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

function unpack(path: string): Uint8Array {
  if (path.endsWith('.gz')) return gunzipSync(readFileSync(path));
  const tool = path.endsWith('.xz') ? 'xz' : path.endsWith('.zst') ? 'zstd' : undefined;
  if (tool === undefined) return readFileSync(path);
  return execFileSync(tool, ['-dc', path], { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 2] });
}

/** Opens the modules of a kernel's `/lib/modules/<release>`. */
export function openModules(folder: string): ModuleSource {
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

/** Returns the bytes of a section of a 64-bit little-endian ELF file. */
function readSection(file: Uint8Array, name: string): Uint8Array {
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

/** Reads the names of the modules that must be loaded before: `depends=` in `.modinfo`. */
function readDependencies(module: Uint8Array): string[] {
  const info = Buffer.from(readSection(module, '.modinfo')).toString('latin1').split('\0');
  const depends = info.find((entry) => entry.startsWith('depends='))?.slice('depends='.length);
  return (depends ?? '')
    .split(',')
    .filter((name) => name !== '')
    .map(nameOf);
}

/**
 * Lists the modules that the guest loads, each after its dependencies. The dependencies come from
 * the modules themselves, since an unpacked package has no `modules.dep`.
 *
 * @throws VfioError `ENOENT` if the kernel lacks a required module
 */
export function planModules(source: ModuleSource): Module[] {
  const plan = new Map<string, Module>();
  const add = (name: string): boolean => {
    if (plan.has(name) || source.isBuiltin(name)) return true;
    const data = source.load(name);
    if (data === undefined) return false;
    readDependencies(data).forEach(require);
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
