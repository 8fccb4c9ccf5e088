import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VfioError } from '../errors.js';

/** Modules that every guest needs. Modules that are built into the kernel are not loaded. */
const REQUIRED = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay', 'vfio_pci'];
/** Modules of the two IOMMU interfaces. A kernel has at least one of these modules. */
const OPTIONAL = ['vfio_iommu_type1', 'iommufd'];

/** The first 4 bytes of an ELF file. */
const ELF = 0x7f454c46;

/** An uncompressed kernel module. */
export interface Module {
  readonly name: string;
  readonly data: Uint8Array;
}

/** A kernel module and its dependencies. */
interface LoadableModule extends Module {
  readonly dependencies: readonly string[];
  /**
   * Names of modules that are loaded before this module if the kernel has these modules
   * (`softdep pre:`).
   */
  readonly softDependencies: readonly string[];
}

/** The name of a kernel for error messages, and a hint for the repair of damaged files. */
export interface KernelLabel {
  /** `'debian-6.12'`, or the path of an image. */
  readonly kernel: string;
  readonly hint?: string | undefined;
}

/** The modules of one kernel. */
export interface ModuleSource {
  readonly label: KernelLabel;
  /** Whether a module is built into the kernel. */
  isBuiltin(name: string): boolean;
  /** Reads the file of a module. Returns undefined if the file does not exist. */
  load(name: string): LoadableModule | undefined;
}

/**
 * Converts the path of a module file, or a module name with dashes, to a module name. Dashes become
 * underscores.
 */
export function moduleName(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

/** Creates the error for a module that a kernel does not have. */
export function missingModule(kernel: string, name: string): VfioError {
  return new VfioError({ code: 'ENOENT', message: `the kernel ${kernel} has no module '${name}'` });
}

function unpack(path: string): Uint8Array {
  if (path.endsWith('.gz')) return gunzipSync(readFileSync(path));
  const tool = path.endsWith('.xz') ? 'xz' : path.endsWith('.zst') ? 'zstd' : undefined;
  if (tool === undefined) return readFileSync(path);
  return execFileSync(tool, ['-dc', path], {
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function loadModule(name: string, path: string, hint: string | undefined): LoadableModule {
  try {
    const data = unpack(path);
    return { name, data, ...readDependencies(data) };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      const tool = path.endsWith('.xz') ? 'xz' : 'zstd';
      const message = `the lab needs the program ${tool} to unpack a kernel module`;
      throw new VfioError({ code: 'ENOENT', message, path, cause });
    }
    const message = 'the kernel module is damaged or incomplete';
    throw new VfioError({ code: 'EINVAL', message, path, hint, cause });
  }
}

/** Opens the modules in a kernel's folder `/lib/modules/<release>`. */
export function openModules(folder: string, label: KernelLabel): ModuleSource {
  const files = new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.ko(\.\w+)?$/.test(path))
      .map((path) => [moduleName(path), join(folder, path)]),
  );
  const builtin = new Set(
    readFileSync(join(folder, 'modules.builtin'), 'utf8').split('\n').map(moduleName),
  );
  return {
    label,
    isBuiltin: (name) => builtin.has(name),
    load: (name) => {
      const path = files.get(name);
      return path === undefined ? undefined : loadModule(name, path, label.hint);
    },
  };
}

/** Returns the bytes of a section of a 64-bit little-endian ELF file. */
function readSection(file: Uint8Array, name: string): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0) !== ELF) throw new RangeError('the file is not an ELF file');
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

/**
 * Reads the names of the modules that must be loaded before a module. The section `.modinfo`
 * contains these names in `depends=` and `softdep=`.
 */
function readDependencies(
  module: Uint8Array,
): Pick<LoadableModule, 'dependencies' | 'softDependencies'> {
  const info = Buffer.from(readSection(module, '.modinfo')).toString('latin1').split('\0');
  const values = (key: string) =>
    info.filter((entry) => entry.startsWith(key)).map((entry) => entry.slice(key.length));
  const names = (list: string, separator: RegExp) =>
    list
      .split(separator)
      .filter((name) => name !== '')
      .map(moduleName);
  return {
    dependencies: values('depends=').flatMap((list) => names(list, /,/)),
    // Newer modules name an algorithm by its alias: `crypto-crc32c` instead of `crc32c`.
    softDependencies: values('softdep=').flatMap((text) =>
      names(/\bpre:(.*?)(?:post:|$)/.exec(text)?.[1] ?? '', /\s+(?:crypto-)?/),
    ),
  };
}

/**
 * The modules that a guest loads. Each list is in load order: a module follows its dependencies.
 */
export interface ModulePlan {
  /** Modules that the lab needs. */
  readonly required: readonly Module[];
  /** Modules that the user requests. These modules are loaded after the devices are bound. */
  readonly further: readonly Module[];
}

/**
 * Lists the modules that a guest loads, with all dependencies. The dependencies are read from the
 * module files, because an unpacked package has no `modules.dep`.
 *
 * @param further - names of the modules that the user requests
 * @throws VfioError `ENOENT` if the kernel lacks a module, `EINVAL` if the file of a module is
 *   damaged
 */
export function planModules(source: ModuleSource, further: readonly string[]): ModulePlan {
  const plan = new Map<string, Module>();
  const add = (name: string): boolean => {
    if (plan.has(name) || source.isBuiltin(name)) return true;
    const module = source.load(name);
    if (module === undefined) return false;
    // A soft dependency can be the name of an algorithm. In this case, the name of the module has
    // the suffix `_generic`.
    module.softDependencies.forEach((soft) => add(soft) || add(`${soft}_generic`));
    module.dependencies.forEach(require);
    plan.set(name, module);
    return true;
  };
  const require = (name: string): void => {
    if (!add(name)) throw missingModule(source.label.kernel, name);
  };
  REQUIRED.forEach(require);
  OPTIONAL.forEach(add);
  const count = plan.size;
  further.map(moduleName).forEach(require);
  const all = [...plan.values()];
  return { required: all.slice(0, count), further: all.slice(count) };
}
