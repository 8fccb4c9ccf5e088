import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { VfioError } from '../errors.js';
import { formatSource, parseList, parseSources, selectArchives, type AptSource } from './apt.js';

const execute = promisify(execFile);

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function machineSources(): AptSource[] {
  const folder = '/etc/apt/sources.list.d';
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // Without the folder, sources.list has all sources.
  }
  return ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))].flatMap((path) => {
    if (path.endsWith('.sources')) return parseSources(readText(path));
    return path.endsWith('.list') ? parseList(readText(path)) : [];
  });
}

/**
 * Runs `apt-get` or `apt-cache` with the selected suites only. The package lists and the downloads
 * are stored in a private folder, and no package counts as installed.
 */
export type PrivateApt = (tool: 'apt-get' | 'apt-cache', ...args: string[]) => Promise<string>;

/** @param onPercent - called with the progress of a download, in percent */
function createApt(
  folder: string,
  source: AptSource,
  { suites, architecture }: { suites: string; architecture: string },
  onPercent: (done: number) => void,
  signal: AbortSignal | undefined,
): PrivateApt {
  const config = join(folder, 'apt.conf');
  const sourceList = join(folder, 'suite.sources');
  for (const name of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const settings = [
    // Hooks in the system's apt configuration would delete files in the system's folders, so the
    // hooks are removed.
    '#clear APT::Update;',
    `Dir::Etc::sourcelist "${sourceList}";`,
    'Dir::Etc::sourceparts "-";',
    `Dir::State::lists "${folder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    `APT::Architecture "${architecture}";`,
    '#clear APT::Architectures;',
    `APT::Architectures { "${architecture}"; };`,
    'Acquire::Languages "none";',
    // If this process runs as root, apt would download as the user _apt, who cannot write to the
    // folder.
    'APT::Sandbox::User "root";',
    // With this option, apt prints its progress on standard error:
    // "dlstatus:<item>:<percent>:<text>".
    'APT::Status-Fd "2";',
  ];
  writeFileSync(sourceList, formatSource(source, suites));
  writeFileSync(join(folder, 'status'), '');
  writeFileSync(config, settings.join('\n'));
  return async (tool, ...args) => {
    const options = {
      cwd: folder,
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 1 << 26,
      signal,
    };
    const running = execute(tool, ['-c', config, '-q', ...args], options);
    running.child.stderr?.on('data', (text: Buffer | string) => {
      const done = [...text.toString().matchAll(/^dlstatus:\d+:(\d+)/gm)].at(-1)?.[1];
      if (done !== undefined) onPercent(Number(done));
    });
    return (await running).stdout;
  };
}

/** Selects the line that explains the failure from the output of a failed program. */
export function pickReason(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  const lines = text.split('\n').filter((line) => !/^(dlstatus:|\s*$)/.test(line));
  return lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? '';
}

/** A program or a kernel to download from Debian's archive, as one or more packages. */
export interface Wanted {
  /** Name in error and progress messages. */
  readonly label: string;
  /** Debian's name of the architecture of the packages. */
  readonly architecture: string;
  /**
   * Suites that can contain the packages, the likeliest suite first. If the packages are in several
   * suites, these suites are one text, separated by spaces.
   */
  readonly suites: readonly string[];
  /**
   * Finds the packages. Each element of the result is a name, or a name and a version:
   * `<name>=<version>`. Returns undefined if the suites of `apt` do not contain the packages.
   */
  readonly find: (apt: PrivateApt) => Promise<readonly string[] | undefined>;
  /** Hint of the error that is thrown if no suite contains the packages. */
  readonly hint: string;
}

/**
 * Finds packages and all packages that they need, with their versions.
 *
 * @param suite - the suite that is preferred; undefined: none
 */
export async function findWithDependencies(
  apt: PrivateApt,
  suite: string | undefined,
  names: readonly string[],
): Promise<string[]> {
  const target = suite === undefined ? [] : [`--target-release=${suite}`];
  const options = ['--simulate', '--no-install-recommends', ...target];
  const text = await apt('apt-get', ...options, 'install', ...names);
  return [...text.matchAll(/^Inst (\S+) \((\S+)/gm)].map(
    ([, name = '', version = '']) => `${name}=${version}`,
  );
}

/** Options of a download. */
export interface DownloadOptions {
  /** Called with the text of each step, and with the progress of the step in percent. */
  readonly report: (step: string, percent?: number) => void;
  /** An abort of this signal ends the download. */
  readonly signal?: AbortSignal | undefined;
  /** Folder to which the package files are moved. If undefined, the package files are deleted. */
  readonly keep?: string | undefined;
}

/**
 * Downloads packages and unpacks the packages. The machine's own mirror and keys are used. Nothing
 * is installed. The download needs no root privileges and does not change the package lists and
 * caches of the system.
 *
 * @param folder - the folder in which all packages are unpacked
 * @throws VfioError `ENOENT` if no source of this machine has the packages; the reason of `signal`
 *   after an abort
 */
export async function downloadPackages(
  wanted: Wanted,
  folder: string,
  options: DownloadOptions,
): Promise<void> {
  const { label, suites, hint } = wanted;
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(readText('/etc/os-release'))?.[1] ?? 'sid';
  let failure = '/etc/apt contains no source of Debian';
  for (const source of selectArchives(machineSources(), codename)) {
    for (const suite of suites) {
      const scratch = mkdtempSync(`${folder}-apt-`);
      try {
        if (await downloadFrom({ source, suites: suite, scratch }, wanted, folder, options)) return;
        failure = `${suite} contains a different version`;
      } catch (error) {
        options.signal?.throwIfAborted();
        failure = pickReason(error);
      } finally {
        rmSync(scratch, { recursive: true, force: true });
      }
    }
  }
  const message = `${label} cannot be downloaded: ${failure}`;
  throw new VfioError({ code: 'ENOENT', message, hint });
}

/** @returns whether the suites contain the packages */
async function downloadFrom(
  { source, suites, scratch }: { source: AptSource; suites: string; scratch: string },
  { label, architecture, find }: Wanted,
  folder: string,
  { report, signal, keep }: DownloadOptions,
): Promise<boolean> {
  let step = `${label}: reading the package list of ${suites}`;
  const onPercent = (done: number) => {
    report(step, done);
  };
  const apt = createApt(scratch, source, { suites, architecture }, onPercent, signal);
  report(step);
  await apt('apt-get', 'update', '--error-on=any');
  const found = await find(apt);
  if (found === undefined) return false;
  step = `${label}: downloading ${found.length === 1 ? found[0] : `${found.length} packages`}`;
  report(step);
  await apt('apt-get', 'download', ...found);
  report(`${label}: unpacking`);
  for (const file of readdirSync(scratch).filter((name) => name.endsWith('.deb'))) {
    await execute('dpkg', ['-x', join(scratch, file), folder], { signal });
    if (keep !== undefined) renameSync(join(scratch, file), join(keep, file));
  }
  return true;
}
