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

/** Runs apt on one suite, with lists and downloads in a private folder. */
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
    // The hooks of the system would clean the system's folders.
    '#clear APT::Update;',
    `Dir::Etc::sourcelist "${sourceList}";`,
    'Dir::Etc::sourceparts "-";',
    `Dir::State::lists "${folder}/lists";`,
    `Dir::Cache "${folder}/cache";`,
    'Acquire::Languages "none";',
    // If this process is root, apt's own user could not write to the folder.
    'APT::Sandbox::User "root";',
    // Prints progress on standard error: "dlstatus:<item>:<percent>:<text>".
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

/** Picks one line from the output of a failed program. */
export function pickReason(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  const lines = text.split('\n').filter((line) => !/^(dlstatus:|\s*$)/.test(line));
  return lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? '';
}

/** A package to download from Debian's archive. */
export interface Wanted {
  /** Name of the package in messages. */
  readonly label: string;
  /** Suites that may have the package, the likeliest first. */
  readonly suites: readonly string[];
  /** Finds the package's name; undefined if the suite of this apt lacks the package. */
  readonly find: (apt: PrivateApt) => Promise<string | undefined>;
  /** Hint for the error if no suite has the package. */
  readonly hint: string;
}

/** How a package is downloaded. */
export interface DownloadOptions {
  /** Called with each step, and its progress in percent. */
  readonly report: (step: string, percent?: number) => void;
  /** Ends the download when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Path to which the package's file is moved; by default the file is deleted. */
  readonly keep?: string | undefined;
}

/**
 * Downloads a package with the machine's own mirror and keys and unpacks it. Nothing is installed;
 * neither root nor the system's lists and caches are needed.
 *
 * @param folder - receives the package's contents
 * @throws VfioError `ENOENT` if no source of this machine has the package; the reason of `signal`
 *   after an abort
 */
export async function downloadPackage(
  { label, suites, find, hint }: Wanted,
  folder: string,
  { report, signal, keep }: DownloadOptions,
): Promise<void> {
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(readText('/etc/os-release'))?.[1] ?? 'sid';
  let failure = 'no Debian archive in /etc/apt';
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
          failure = `${suite} has another version`;
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
