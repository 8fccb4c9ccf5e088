import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Host } from '../../lib/host/host.js';
import { VfioError } from '../../lib/errors.js';
import { Tree, type TreeSpec } from '../sysfs/tree.js';

/**
 * A fake host that emulates the kernel's files for binding drivers. A probe binds a function to the
 * driver in `driver_override`. If the override is empty, the probe binds the driver that matches
 * the function's ids.
 */
export class FakeHost extends Host {
  readonly writes: string[] = [];
  /** For each function, the driver that matches the function's ids. */
  readonly natural: Record<string, string> = {};
  /** Functions for which every probe fails. */
  readonly refused = new Set<string>();
  /**
   * Error codes with which an exclusive open fails, by the name of the disk: `{ sda1: 'EBUSY' }`.
   */
  readonly claimed: Record<string, string> = {};
  /** Device numbers, by the path of the node: `{ 'proc/7/fd/3': 'c226:0' }`. */
  readonly numbers: Record<string, string> = {};
  /** Log of all opened disks, closed disks and writes, in order. */
  readonly log: string[] = [];
  readonly tree: Tree;

  constructor(t: ExecutionContext, spec: TreeSpec = {}) {
    const tree = new Tree(t, spec);
    super(tree.root);
    this.tree = tree;
    for (const { name, driver } of spec.devices ?? []) {
      tree.file(`sys/bus/pci/devices/${name}/driver_override`, '(null)\n');
      if (driver !== undefined && !driver.includes('vfio')) this.natural[name] = driver;
    }
  }

  override nodeNumber(path: string): string | null {
    return this.numbers[path.slice(this.tree.root.length + 1)] ?? null;
  }

  override openExclusive(path: string): number {
    const code = this.claimed[basename(path)];
    if (code !== undefined) throw new VfioError({ code, syscall: 'open', path });
    return this.log.push(`open ${basename(path)}`) - 1;
  }

  override close(fd: number): void {
    this.log.push((this.log[fd] ?? '').replace('open', 'close'));
  }

  override write(path: string, text: string): void {
    this.writes.push(`${path.slice(this.tree.root.length)} ${text.trim()}`);
    this.log.push(`write ${basename(path)}`);
    const file = basename(path);
    if (file === 'driver_override') writeFileSync(path, text.trim() === '' ? '(null)\n' : text);
    else if (file === 'unbind') this.#unbind(dirname(path));
    else if (file === 'drivers_probe') this.#probe(text);
  }

  #unbind(link: string): void {
    if (!existsSync(join(link, '..'))) throw new VfioError({ code: 'ENODEV', path: link });
    rmSync(link);
  }

  #probe(name: string): void {
    const override = this.text('sys/bus/pci/devices', name, 'driver_override');
    const driver = override === null || override === '(null)' ? this.natural[name] : override;
    if (this.driver(name) !== null || driver === undefined) return;
    if (this.refused.has(`${name} ${driver}`) || !this.hasDriver(driver)) return;
    symlinkSync(`../../drivers/${driver}`, join(this.device(name), 'driver'));
  }
}
