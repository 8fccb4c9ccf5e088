import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import test from 'ava';
import {
  type Eventfd,
  openDevice,
  type PciDevice,
  type RegisterWindow,
  SoftwareSource,
  VirtualMsix,
} from 'vfio';
import fc from '../../fast-check.js';
import type { QueuePair } from '../../../lib/demo/nvme/queue.js';
import { PolledNvme } from '../../../bench/lib/nvme.js';
import { NVME } from '../../contract/targets.js';
import { FULL, SEED } from '../../full.js';

const STEPS = FULL ? 10_000 : 2_000;
/** Vectors whose pending bits are next to the boundary of a dword or a quadword. */
const VECTORS = [1, 2, 31, 32, 63, 64];
const CONTROL = 12;
const FUNCTION_MASK = 0x4000;
const ENABLE = 0x8000;
const TIMEOUT_MS = 5000;

/**
 * A function with MSI-X: the accesses that a driver makes, and the interrupts that are delivered.
 */
interface Msix {
  mask(vector: number, masked: boolean): void;
  functionMask(masked: boolean): void;
  fire(vector: number): unknown;
  pending(): bigint[];
  /** Number of deliveries since the previous call. */
  taken(vector: number): bigint;
}

/**
 * MSI-X of QEMU's NVMe controller. After the kernel has enabled the MSI-X table, the kernel does
 * not access the table again.
 */
class Qemu implements Msix {
  readonly #queues = new Map<number, QueuePair>();
  readonly #eventfds = new Map<number, Eventfd>();
  readonly #config: number;
  readonly #control: number;
  readonly #registers: RegisterWindow;
  readonly #places: { readonly table: number; readonly pba: number };

  private constructor(
    private readonly nvme: PolledNvme,
    device: PciDevice,
  ) {
    const msix = device.config.details('msix');
    const capability = device.config.capabilities().find(({ name }) => name === 'msix');
    if (msix === undefined || capability === undefined) throw new Error('no MSI-X');
    this.#registers = nvme.window;
    this.#places = { table: msix.table.offset, pba: msix.pba.offset };
    this.#control = capability.offset + 2;
    // vfio-pci drops a write to Message Control, but sysfs passes the write to the device.
    this.#config = openSync(`/sys/bus/pci/devices/${device.name}/config`, 'r+');
  }

  static async start(device: PciDevice): Promise<Qemu> {
    // The commands that create queues raise vector 0, which must not stay pending.
    const eventfds = [0, ...VECTORS].map((vector) => [vector, device.createEventfd()] as const);
    const block: (Eventfd | null)[] = Array.from({ length: 65 }, () => null);
    for (const [vector, eventfd] of eventfds) block[vector] = eventfd;
    device.connection.setIrqs({ index: 2, flags: 0x24, start: 0, count: 65, eventfds: block });
    const nvme = await PolledNvme.start(device);
    const qemu = new Qemu(nvme, device);
    for (const [vector, eventfd] of eventfds) {
      qemu.#eventfds.set(vector, eventfd);
      if (vector === 0) continue;
      const id = qemu.#queues.size + 1;
      qemu.#queues.set(vector, await nvme.createQueue(id, vector));
      qemu.mask(vector, true);
    }
    return qemu;
  }

  mask(vector: number, masked: boolean): void {
    this.#registers.write32(this.#places.table + vector * 16 + CONTROL, masked ? 1 : 0);
  }

  functionMask(masked: boolean): void {
    const bytes = new Uint8Array(2);
    readSync(this.#config, bytes, 0, 2, this.#control);
    const upper = (bytes[1] ?? 0) & ~(FUNCTION_MASK >> 8);
    bytes[1] = upper | (masked ? FUNCTION_MASK >> 8 : 0);
    writeSync(this.#config, bytes, 0, 2, this.#control);
  }

  async fire(vector: number): Promise<void> {
    const queue = this.#queues.get(vector);
    if (queue !== undefined) await this.nvme.fire(queue);
  }

  pending(): bigint[] {
    return [0, 8].map((offset) => this.#registers.read64(this.#places.pba + offset));
  }

  taken(vector: number): bigint {
    return this.#eventfds.get(vector)?.read() ?? 0n;
  }

  close(): void {
    this.functionMask(false);
    closeSync(this.#config);
    for (const eventfd of this.#eventfds.values()) eventfd.close();
  }
}

class Ours implements Msix {
  readonly #msix = new VirtualMsix({
    vectors: 65,
    table: { bar: 0, offset: 0x2000 },
    pba: { bar: 0, offset: 0x3000 },
  });
  readonly #software = new SoftwareSource(this.#msix);
  readonly #eventfds = new Map<number, Eventfd>();

  constructor(device: PciDevice) {
    this.#software.emulate(0, 65);
    for (const vector of VECTORS) {
      const eventfd = device.createEventfd();
      this.#eventfds.set(vector, eventfd);
      this.#msix.connect(vector, eventfd);
    }
    this.functionMask(false);
  }

  mask(vector: number, masked: boolean): void {
    this.#msix.tableWrite(vector * 16 + CONTROL, 4, masked ? 1 : 0);
  }

  functionMask(masked: boolean): void {
    this.#msix.configWrite(2, 2, ENABLE | (masked ? FUNCTION_MASK : 0));
  }

  fire(vector: number): void {
    this.#software.sendSignal(vector);
  }

  pending(): bigint[] {
    return [0, 8].map((offset) => this.#msix.pbaRead(offset, 8));
  }

  taken(vector: number): bigint {
    return this.#eventfds.get(vector)?.read() ?? 0n;
  }
}

type Kind = 'mask' | 'functionMask' | 'fire' | 'read';
const STEP = fc.record({
  kind: fc.constantFrom<Kind[]>('mask', 'mask', 'functionMask', 'fire', 'fire', 'read'),
  vector: fc.constantFrom(...VECTORS),
  on: fc.boolean(),
});
const show = (step: object) => Object.values(step).join(' ');

/** Waits for the expected deliveries, because interrupts arrive with a delay. */
function take(msix: Msix, vector: number, expected: bigint): bigint {
  const until = performance.now() + TIMEOUT_MS;
  let taken = msix.taken(vector);
  while (taken < expected && performance.now() < until) taken += msix.taken(vector);
  return taken;
}

test.serial(
  `QEMU's MSI-X and VirtualMsix behave the same in ${STEPS} random steps, seed ${SEED}`,
  async (t) => {
    const plan = fc.sample(STEP, STEPS);
    const device = await openDevice(NVME);
    device.config.update('command', { memory: 1, bus_master: 1 });
    const qemu = await Qemu.start(device);
    const ours = new Ours(device);
    const totals = { mask: 0, functionMask: 0, fire: 0, read: 0, delivered: 0, pending: 0 };
    try {
      for (const [step, { kind, vector, on }] of plan.entries()) {
        totals[kind]++;
        if (kind === 'mask') for (const msix of [qemu, ours]) msix.mask(vector, on);
        else if (kind === 'functionMask') for (const msix of [qemu, ours]) msix.functionMask(on);
        else if (kind === 'fire') for (const msix of [qemu, ours]) await msix.fire(vector);
        const pending = ours.pending();
        const delivered = VECTORS.map((each) => ours.taken(each));
        const theirs = VECTORS.map((each, i) => take(qemu, each, delivered[i] ?? 0n));
        for (const count of delivered) totals.delivered += Number(count);
        if (pending.some((bits) => bits !== 0n)) totals.pending++;
        const same =
          theirs.every((count, i) => count === delivered[i]) &&
          qemu.pending().every((bits, i) => bits === pending[i]);
        if (!same)
          t.log(
            plan
              .slice(Math.max(0, step - 12), step + 1)
              .map(show)
              .join('\n'),
          );
        t.true(same, `step ${step} of seed ${SEED}`);
        if (!same) return;
      }
    } finally {
      qemu.close();
      device.close();
    }
    t.log(JSON.stringify(totals));
    t.true(totals.delivered > STEPS / 20, 'it delivers');
    t.true(totals.pending > STEPS / 20, 'it pends');
  },
);
