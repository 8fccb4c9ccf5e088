import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Returns the path of the `node` program of a major version and an architecture, for example
 * `arm64`. The npm package of this version is
 * downloaded once and kept in `$XDG_CACHE_HOME/vfio/nodes`. To download a newer release, delete the
 * folder of this version.
 */
export function nodeOf(major: number, arch: string = process.arch): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const nodes = join(cache, 'vfio', 'nodes');
  const version = join(nodes, `${arch}-${major}`);
  const node = join(version, 'package/bin/node');
  if (existsSync(node)) return node;
  mkdirSync(nodes, { recursive: true });
  const scratch = mkdtempSync(join(nodes, 'new-'));
  try {
    const spec = `node-linux-${arch}@${major}`;
    execFileSync('npm', ['pack', '--silent', spec], { cwd: scratch });
    const [archive = ''] = readdirSync(scratch);
    execFileSync('tar', ['-xzf', archive], { cwd: scratch });
    rmSync(join(scratch, archive));
    renameSync(scratch, version);
    return node;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
