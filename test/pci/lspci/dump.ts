import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpConfig } from '../../../lib/pci/listing/index.js';

/** A file for `lspci -F`, to which bytes that are not there are all ones. */
export function toDump(title: string, config: Uint8Array): string {
  return `00:00.0 ${title}\n${dumpConfig(config).join('\n')}\n`;
}

/** The same without lines of zeros, except for the last. */
export function toSparseDump(title: string, config: Uint8Array): string {
  const lines = dumpConfig(config);
  const kept = lines.filter((line, index) => /: .*[^ 0]/.test(line) || index === lines.length - 1);
  return `00:00.0 ${title}\n${kept.join('\n')}\n`;
}

/** Reads the functions of a dump; what is left out is zero. */
export function fromDump(text: string): Uint8Array[] {
  const functions: Uint8Array[] = [];
  for (const block of text.split(/\n(?=\S*[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])/)) {
    const rows = [...block.matchAll(/^([0-9a-f]{2,3}):((?: [0-9a-f]{2})+)\s*$/gm)];
    const last = Math.max(0, ...rows.map(([, offset = '']) => parseInt(offset, 16)));
    if (rows.length === 0) continue;
    const config = new Uint8Array(last < 0x40 ? 64 : last < 0x100 ? 256 : 4096);
    for (const [, offset = '', bytes = ''] of rows) {
      config.set(
        bytes
          .trim()
          .split(' ')
          .map((byte) => parseInt(byte, 16)),
        parseInt(offset, 16),
      );
    }
    functions.push(config);
  }
  return functions;
}

/** What lspci says to a dump; null where it is not installed. */
export function askLspci(dump: string): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-lspci-'));
  try {
    const file = join(folder, 'dump');
    writeFileSync(file, dump);
    const { status, stdout } = spawnSync('lspci', ['-vvv', '-n', '-F', file], { encoding: 'utf8' });
    return status === 0 ? stdout : null;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
