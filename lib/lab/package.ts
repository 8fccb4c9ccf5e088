import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { VfioError } from '../errors.js';
import { mainArchives, parseList, parseSources, sourceFor, type AptSource } from './apt.js';

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
    // Everything may stand in sources.list.
  }
  return ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))].flatMap((path) => {
    if (path.endsWith('.sources')) return parseSources(readText(path));
    return path.endsWith('.list') ? parseList(readText(path)) : [];
  });
}

/** An apt that reads one suite and keeps what it fetches in a folder of its own. */
export type PrivateApt = (tool: 'apt-get' | 'apt-cache', ...args: string[]) => Promise<string>;

/** @param percent - is told how much of what is fetched has come */
function privateApt(
  folder: string,
  source: AptSource,
  suite: string,
  percent: (done: number) => void,
): PrivateApt {
  const config = join(folder, 'apt.conf');
  const sourceList = join(folder, 'suite.sources');
  for (const name of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const settings = [
    // The system's hooks tidy up the system's folders.
    '#clear APT::Update;',
    `Dir::Etc::sourcelist "${sourceList}";`,
    'Dir::Etc::sourceparts "-";',
    `Dir::State::lists "${folder}/lists";`,
    `Dir::Cache "${folder}/cache";`,
    'Acquire::Languages "none";',
    // apt's own user could not write here when we are root.
    'APT::Sandbox::User "root";',
    // Lines "dlstatus:<item>:<percent>:<text>", on standard error.
    'APT::Status-Fd "2";',
  ];
  writeFileSync(sourceList, sourceFor(source, suite));
  writeFileSync(config, settings.join('\n'));
  return async (tool, ...args) => {
    const options = { cwd: folder, env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 1 << 26 };
    const running = execute(tool, ['-c', config, '-q', ...args], options);
    running.child.stderr?.on('data', (text: Buffer | string) => {
      const done = [...text.toString().matchAll(/^dlstatus:\d+:(\d+)/gm)].at(-1)?.[1];
      if (done !== undefined) percent(Number(done));
    });
    return (await running).stdout;
  };
}

/** One line from the many a failed program left. */
function reason(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  const lines = text.split('\n').filter((line) => !/^(dlstatus:|\s*$)/.test(line));
  return lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? '';
}

/** A package of Debian's archive that is to be had. */
export interface Wanted {
  /** What a person knows it by. */
  readonly label: string;
  /** Suites that may have it, the likeliest first. */
  readonly suites: readonly string[];
  /** The package's name, if the suite that this apt reads has it. */
  readonly find: (apt: PrivateApt) => Promise<string | undefined>;
  /** The way out if there is none. */
  readonly hint: string;
}

/**
 * Downloads a package with the machine's own mirror and keys and unpacks it. Nothing is installed;
 * neither root nor the system's lists and caches are needed.
 *
 * @param folder - what the package contains is put here
 * @param report - is told what is being done, and how much of it is
 * @throws VfioError `ENOENT` when no source of this machine has it.
 */
export async function downloadPackage(
  { label, suites, find, hint }: Wanted,
  folder: string,
  report: (step: string, percent?: number) => void,
): Promise<void> {
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(readText('/etc/os-release'))?.[1] ?? 'sid';
  let failure = 'no Debian archive in /etc/apt';
  for (const source of mainArchives(machineSources(), codename)) {
    for (const suite of suites) {
      const scratch = mkdtempSync(`${folder}-apt-`);
      try {
        let step = `${label}: reading the package list of ${suite}`;
        const apt = privateApt(scratch, source, suite, (done) => {
          report(step, done);
        });
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
        await execute('dpkg', ['-x', join(scratch, file), folder]);
        return;
      } catch (error) {
        failure = reason(error);
      } finally {
        rmSync(scratch, { recursive: true, force: true });
      }
    }
  }
  const message = `${label} cannot be downloaded: ${failure}`;
  throw new VfioError({ code: 'ENOENT', message, hint });
}
