import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { VfioError } from '../errors.js';
import type { Arch } from './architectures.js';

/** What the header of a kernel image contains. */
interface Header {
  /** Size of a complete image, in bytes. A complete image can be up to 16 bytes smaller. */
  readonly size: number;
  /** Reads the kernel's release, in the format of `uname -r`. */
  readonly readRelease: () => string;
}

/** A format of kernel images. */
interface Format {
  /** Name of the format, for error messages. */
  readonly name: string;
  /** Parses the start of an image. Returns undefined if the image has another format. */
  readonly parse: (head: Buffer, path: string) => Header | undefined;
}

const HEAD_SIZE = 0x10000;
const firstWord = (text: string): string => /^[^ \0]*/.exec(text)?.[0] ?? '';

/** Documentation/arch/x86/boot.rst in the kernel's tree. */
function parseBzImage(head: Buffer): Header | undefined {
  if (head.length < 0x210 || head.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
  // The header contains two sizes: the setup code in sectors, and the rest of the image in units of
  // 16 bytes.
  const sectors = head.readUInt8(0x1f1);
  const size = ((sectors === 0 ? 4 : sectors) + 1) * 512 + head.readUInt32LE(0x1f4) * 16;
  const start = head.readUInt16LE(0x20e) + 0x200;
  return { size, readRelease: () => firstWord(head.toString('latin1', start, start + 128)) };
}

/**
 * Documentation/arch/arm64/booting.rst in the kernel's tree. The size in this header includes
 * memory that the file does not contain. The header of PE/COFF has the sizes of the parts of the
 * file.
 */
function parseArm64Image(head: Buffer, path: string): Header | undefined {
  if (head.length < 0x40 || head.toString('latin1', 0x38, 0x3c) !== 'ARMd') return undefined;
  const readRelease = () => {
    // The header does not contain the release. The text that the kernel prints at boot contains it.
    const image = readFileSync(path);
    const mark = 'Linux version ';
    const start = image.indexOf(mark);
    if (start === -1) return '';
    return firstWord(image.toString('latin1', start + mark.length, start + 128));
  };
  return { size: sizeOfSections(head, head.readUInt32LE(0x3c)), readRelease };
}

/** Returns the end of the last section of a PE/COFF file. */
function sizeOfSections(head: Buffer, at: number): number {
  if (at + 24 > head.length || head.toString('latin1', at, at + 4) !== 'PE\0\0') return 0;
  const table = at + 24 + head.readUInt16LE(at + 20);
  const ends = Array.from({ length: head.readUInt16LE(at + 6) }, (_, index) => {
    const section = table + index * 40;
    if (section + 40 > head.length) return 0;
    return head.readUInt32LE(section + 16) + head.readUInt32LE(section + 20);
  });
  return Math.max(0, ...ends);
}

const FORMATS: Readonly<Record<Arch, Format>> = {
  x64: { name: 'x86 bzImage', parse: parseBzImage },
  arm64: { name: 'arm64 Image', parse: parseArm64Image },
};

/** Returns the name of the format of kernel images. */
export function imageFormat(arch: Arch): string {
  return FORMATS[arch].name;
}

/**
 * Reads the kernel's release from a kernel image.
 *
 * @param hint - how to repair a damaged file
 * @throws VfioError `EINVAL` if the file is not an image for the architecture or is incomplete
 */
export function readRelease(path: string, arch: Arch, hint?: string): string {
  const invalid = (message: string, help = hint) =>
    new VfioError({ code: 'EINVAL', message, path, hint: help });
  const status = statSync(path);
  // The open of a FIFO would block until another process opens the FIFO for writing.
  if (!status.isFile()) throw invalid('the kernel image is not a regular file');
  const buffer = Buffer.alloc(HEAD_SIZE);
  const fd = openSync(path, 'r');
  const head = buffer.subarray(0, readSync(fd, buffer));
  closeSync(fd);
  const { name, parse } = FORMATS[arch];
  const header = parse(head, path);
  if (header === undefined) {
    const other = Object.entries(FORMATS).find(([, format]) => format.parse(head, path));
    if (other === undefined) throw invalid(`the file is not an ${name}`);
    const help = `Pass --arch ${other[0]} to start this kernel.`;
    throw invalid(`the file is an ${other[1].name}, not an ${name}`, help);
  }
  if (status.size < header.size - 16) {
    throw invalid(`the kernel image is incomplete: ${status.size} of ${header.size} bytes`);
  }
  const release = header.readRelease();
  if (release === '') throw invalid('the kernel image contains no release');
  return release;
}
