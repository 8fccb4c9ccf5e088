import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Names of trace files. If a process has the id of an earlier process, the name has a number. */
const TRACE_FILE = /\.jsonl(\.\d+)?$/;

/** Returns the paths of the trace files of a folder, one for each thread. */
export function traceFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => TRACE_FILE.test(name));
  return names.sort().map((name) => join(folder, name));
}
