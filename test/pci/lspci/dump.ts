import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpConfig } from '../../../lib/pci/listing/index.js';
import { runTool } from './program.js';

/**
 * Formats a dump that `lspci -F` can read. lspci reads bytes that are missing in a dump as ones.
 */
export function toDump(title: string, config: Uint8Array): string {
  return `00:00.0 ${title}\n${dumpConfig(config).join('\n')}\n`;
}

/**
 * Formats a dump for `lspci -F`, and omits lines that contain only zeros. The last line is never
 * omitted.
 */
export function toSparseDump(title: string, config: Uint8Array): string {
  const lines = dumpConfig(config);
  const kept = lines.filter((line, index) => /: .*[^ 0]/.test(line) || index === lines.length - 1);
  return `00:00.0 ${title}\n${kept.join('\n')}\n`;
}

/**
 * Parses a dump, and returns the configuration space of each function. Bytes that are missing in
 * the dump are zero in the result.
 */
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

/** Runs lspci on a dump. Returns null if lspci is not installed. */
export function askLspci(dump: string): string | null {
  return inFolder((folder) => {
    const file = join(folder, 'dump');
    writeFileSync(file, dump);
    return runLspci('-F', file);
  });
}

/** Runs lspci only once for many functions. Each function has its own bus number. */
export function askLspciAll(configs: readonly Uint8Array[]): string[] {
  const bus = (index: number) => index.toString(16).padStart(2, '0');
  const dumps = configs.map(
    (config, index) => `${bus(index)}:00.0 made up\n${dumpConfig(config).join('\n')}\n`,
  );
  const text = askLspci(dumps.join('\n')) ?? '';
  return text.split(/^(?=[0-9a-f]{2}:00\.0 )/m);
}

/**
 * Runs lspci on temporary files that imitate sysfs and contain vital product data. A dump cannot
 * contain vital product data.
 */
export function askLspciOfVpd(config: Uint8Array, vpd: Uint8Array): string | null {
  return inFolder((folder) => {
    const device = join(folder, 'devices', '0000:00:00.0');
    mkdirSync(device, { recursive: true });
    const files = { vendor: '0x1234', device: '0x5678', class: '0x00ff00', irq: '0' };
    for (const [name, text] of Object.entries({ ...files, resource: '0x0 0x0 0x0\n'.repeat(7) })) {
      writeFileSync(join(device, name), text);
    }
    writeFileSync(join(device, 'config'), config);
    writeFileSync(join(device, 'vpd'), vpd);
    return runLspci('-A', 'linux-sysfs', '-O', `sysfs.path=${folder}`);
  });
}

function runLspci(...args: string[]): string | null {
  return runTool('lspci', '-vvv', '-n', ...args);
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-lspci-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
