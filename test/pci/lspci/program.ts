// Finds the pciutils that the decoder follows. A full run and the lab suite download pciutils to the
// cache of the lab. Otherwise the tests use pciutils only if they are in the cache, or installed.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  cacheProgram,
  type DebianProgram,
  isCached,
  type Program,
} from '../../../lib/lab/debian-program.js';
import { FULL } from '../../full.js';

/** The version of pciutils that the decoder follows. docs/hardware.md describes how to raise it. */
export const FOLLOWED = '3.15';
/** The oldest version of pciutils that the tests use. Older versions do not decode PCIe 6. */
const OLDEST = '3.14';

const debian = (name: string): DebianProgram => ({
  kind: 'pciutils',
  label: "Debian's pciutils",
  suites: ['forky', 'sid'],
  package: 'pciutils',
  path: `usr/bin/${name}`,
  hint: `Install pciutils ${FOLLOWED} instead.`,
});

export type Tool = 'lspci' | 'setpci';

/** scripts/test-lab.mjs sets this variable. */
const mayDownload = FULL || process.env.VFIO_TEST_DOWNLOAD === '1';

async function find(name: Tool): Promise<Program | null> {
  const program = debian(name);
  if (mayDownload || isCached(program)) return cacheProgram(program, { report: () => undefined });
  const installed = { file: name, args: [], env: process.env };
  const { status, stdout } = run(installed, ['--version']);
  const version = status === 0 ? /\d+\.\d+/.exec(stdout)?.[0] : undefined;
  return version !== undefined && isAtLeast(version, OLDEST) ? installed : null;
}

/** Compares versions number by number: 3.9 is older than 3.14. */
function isAtLeast(version: string, oldest: string): boolean {
  return version.localeCompare(oldest, 'en', { numeric: true }) >= 0;
}

function run({ file, args, env }: Program, more: readonly string[]): SpawnSyncReturns<string> {
  const options = { encoding: 'latin1', maxBuffer: 2 ** 28, env } as const;
  return spawnSync(file, [...args, ...more], options);
}

const FOUND: Record<Tool, Program | null> = {
  lspci: await find('lspci'),
  setpci: await find('setpci'),
};

/** Runs a tool of pciutils. Returns null if the tool is missing or fails. */
export function runTool(tool: Tool, ...args: readonly string[]): string | null {
  const program = FOUND[tool];
  if (program === null) return null;
  const { status, stdout } = run(program, args);
  return status === 0 ? stdout : null;
}

/** The version of lspci, for example `3.15.0`; null if the tests have no lspci. */
export const LSPCI_VERSION = /\d+\.\d+\.\d+/.exec(runTool('lspci', '--version') ?? '')?.[0] ?? null;
