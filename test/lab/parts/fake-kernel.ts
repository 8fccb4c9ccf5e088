import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const RELEASE = '6.12.1-test';

/** Text of a file modules.builtin that lists all modules that the lab needs. */
const BUILTIN = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay', 'vfio-pci']
  .map((name) => `kernel/drivers/${name}.ko\n`)
  .join('');

/**
 * Creates an ELF file whose only content is the section `.modinfo`. Example of the entries:
 * `['depends=a,b']`.
 */
function fakeModule(info: readonly string[]): Buffer {
  const modinfo = Buffer.from(info.map((entry) => `${entry}\0`).join(''));
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const [at, end] = [64, 64 + modinfo.length];
  const table = end + names.length;
  const header = Buffer.alloc(64);
  header.write('\u007fELF', 0, 'latin1');
  header.writeBigUInt64LE(BigInt(table), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(3, 0x3c);
  header.writeUInt16LE(2, 0x3e);
  const section = (name: number, offset: number, size: number): Buffer => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(name, 0);
    entry.writeBigUInt64LE(BigInt(offset), 0x18);
    entry.writeBigUInt64LE(BigInt(size), 0x20);
    return entry;
  };
  const sections = [
    section(0, 0, 0),
    section(1, at, modinfo.length),
    section(10, end, names.length),
  ];
  return Buffer.concat([header, modinfo, names, ...sections]);
}

/** Creates the header of a bzImage without code. */
export function fakeImage(): Buffer {
  const image = Buffer.alloc(5 * 512 + 16 * 100);
  image[0x1f1] = 4;
  image.writeUInt32LE(100, 0x1f4);
  image.write('HdrS', 0x202, 'latin1');
  image.writeUInt16LE(0x100, 0x20e);
  image.write(`${RELEASE} (test)\0`, 0x300, 'latin1');
  return image;
}

/** Creates an arm64 Image without code. Its PE/COFF header describes one section. */
export function fakeArm64Image(): Buffer {
  const [pe, optional, start, size] = [0x40, 0xa0, 0x1000, 0x800];
  const image = Buffer.alloc(start + size);
  image.write('MZ', 0, 'latin1');
  image.write('ARMd', 0x38, 'latin1');
  image.writeUInt32LE(pe, 0x3c);
  image.write('PE\0\0', pe, 'latin1');
  image.writeUInt16LE(1, pe + 6);
  image.writeUInt16LE(optional, pe + 20);
  image.writeUInt32LE(size, pe + 24 + optional + 16);
  image.writeUInt32LE(start, pe + 24 + optional + 20);
  image.write(`Linux version ${RELEASE} (test)\0`, start + 0x100, 'latin1');
  return image;
}

/**
 * Writes a folder with the files of an unpacked package. Each module is given by the entries of its
 * `.modinfo`.
 */
export function writeKernel(
  folder: string,
  modules: Readonly<Record<string, readonly string[]>>,
  content = fakeImage(),
): { image: string; modules: string } {
  const place = join(folder, 'lib/modules', RELEASE);
  mkdirSync(join(folder, 'boot'), { recursive: true });
  mkdirSync(place, { recursive: true });
  const image = join(folder, 'boot', `vmlinuz-${RELEASE}`);
  writeFileSync(image, content);
  writeFileSync(join(place, 'modules.builtin'), BUILTIN);
  for (const [name, info] of Object.entries(modules)) {
    writeFileSync(join(place, `${name}.ko`), fakeModule(info));
  }
  return { image, modules: place };
}
