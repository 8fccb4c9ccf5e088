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
 * Runs `apt-get` or `apt-cache` for one suite. The package lists and the downloads are stored in a
 * private folder.
 */
export type PrivateApt = (tool: 'apt-get' | 'apt-cache', ...args: string[]) => Promise<string>;

/** @param onPercent - called with the progress of a download, in percent */
function createApt(
  folder: string,
  source: AptSource,
  suite: string,
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
    `Dir::Cache "${folder}/cache";`,
    'Acquire::Languages "none";',
    // If this process runs as root, apt would download as the user _apt, who cannot write to the
    // folder.
    'APT::Sandbox::User "root";',
    // With this option, apt prints its progress on standard error:
    // "dlstatus:<item>:<percent>:<text>".
    'APT::Status-Fd "2";',
  ];
  writeFileSync(sourceList, formatSource(source, suite));
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

/** A package to download from Debian's archive. */
export interface Wanted {
  /** Name of the package in error and progress messages. */
  readonly label: string;
  /** Suites that can contain the package, the likeliest suite first. */
  readonly suites: readonly string[];
  /**
   * Finds the name of the package. Returns undefined if the suite of `apt` does not contain the
   * package.
   */
  readonly find: (apt: PrivateApt) => Promise<string | undefined>;
  /** Hint of the error that is thrown if no suite contains the package. */
  readonly hint: string;
}

/** Options of a package download. */
export interface DownloadOptions {
  /** Called with the text of each step, and with the progress of the step in percent. */
  readonly report: (step: string, percent?: number) => void;
  /** An abort of this signal ends the download. */
  readonly signal?: AbortSignal | undefined;
  /** Path to which the package file is moved. If undefined, the package file is deleted. */
  readonly keep?: string | undefined;
}

/**
 * Downloads a package and unpacks the package. The machine's own mirror and keys are used. Nothing
 * is installed. The download needs no root privileges and does not change the package lists and
 * caches of the system.
 *
 * @param folder - the folder in which the package is unpacked
 * @throws VfioError `ENOENT` if no source of this machine has the package; the reason of `signal`
 *   after an abort
 */
export async function downloadPackage(
  { label, suites, find, hint }: Wanted,
  folder: string,
  { report, signal, keep }: DownloadOptions,
): Promise<void> {
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(readText('/etc/os-release'))?.[1] ?? 'sid';
  let failure = '/etc/apt contains no source of Debian';
  for (const source of selectArchives(machineSources(), codename)) {
    for (const suite of suites) {
      const scratch = mkdtempSync(`${folder}-apt-`);
      try {
        let step = `${label}: reading the package list of ${suite}`;
        const onPercent = (done: number) => {
          report(step, done);
        };
        const apt = createApt(scratch, source, suite, onPercent, signal);
        report(step);
        await apt('apt-get', 'update', '--error-on=any');
        const found = await find(apt);
        if (found === undefined) {
          failure = `${suite} contains a different version`;
          continue;
        }
        step = `${label}: downloading ${found}`;
        report(step);
        await apt('apt-get', 'download', found);
        const file = readdirSync(scratch).find((entry) => entry.endsWith('.deb')) ?? '';
        report(`${label}: unpacking`);
        await execute('dpkg', ['-x', join(scratch, file), folder], { signal });
        if (keep !== undefined) renameSync(join(scratch, file), keep);
        return;
      } catch (error) {
        signal?.throwIfAborted();
        failure = pickReason(error);
      } finally {
        rmSync(scratch, { recursive: true, force: true });
      }
    }
  }
  const message = `${label} cannot be downloaded: ${failure}`;
  throw new VfioError({ code: 'ENOENT', message, hint });
}
