import { readFileSync, statSync } from 'node:fs';

/** Fields of the header of an ELF file (elf.h). */
const EI_DATA = 5;
const ELFDATA2MSB = 2;
const E_MACHINE = 18;
/** The names of Node.js for the values of e_machine. */
const MACHINES: Readonly<Record<number, string>> = {
  3: 'ia32',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
};
/** The file of each C library, as an addon names the file that it needs (DT_NEEDED). */
const LIBRARIES = { glibc: 'libc.so.6', musl: 'libc.so' } as const;
const MAGIC = '\x7fELF';

/** Returns the name of the C library, as node-gyp-build spells the name in prebuilt files. */
export function libc(): 'glibc' | 'musl' {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  const { excludeNetwork } = report;
  // The report looks up the names of connected hosts otherwise, which can take seconds.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/**
 * Returns why a file cannot be the addon of this process, or null if only the loader knows the
 * reason. The messages of the loader are misleading: for an addon of another architecture, the loader
 * of glibc reports that the file does not exist.
 */
export function describeAddonFile(path: string): string | null {
  try {
    return describe(path);
  } catch {
    return null;
  }
}

function describe(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'the file does not exist';
  if (!found.isFile()) return 'not a file';
  const bytes = readFileSync(path);
  if (bytes.length < 64 || bytes.toString('latin1', 0, 4) !== MAGIC) return 'not a shared library';
  const isBigEndian = bytes[EI_DATA] === ELFDATA2MSB;
  const machine = isBigEndian ? bytes.readUInt16BE(E_MACHINE) : bytes.readUInt16LE(E_MACHINE);
  const arch = MACHINES[machine] ?? `the ELF machine ${machine}`;
  if (arch !== process.arch) return `built for ${arch}, but this process runs on ${process.arch}`;
  const own = libc();
  const other = own === 'musl' ? 'glibc' : 'musl';
  return bytes.includes(`\0${LIBRARIES[own]}\0`) || !bytes.includes(`\0${LIBRARIES[other]}\0`)
    ? null
    : `built for ${other}, but this process uses ${own}`;
}
