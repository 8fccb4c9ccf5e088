// Random accesses of a guest to its virtual DSA. No access throws an exception, or changes the shared
// device or the part of another guest.
import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Eventfd, openDeviceSync, type Trap, type Width } from 'vfio';
import fc from '../fast-check.js';
import { PAGE_SIZE } from '../../lib/checks.js';
import { DsaHost } from '../../lib/demo/dsa/host.js';
import * as dsa from '../../lib/demo/dsa/registers.js';
import { VirtualDsa } from '../../lib/demo/dsa/virtual.js';
import { fuzz, u32, u64 } from './inputs.js';

const CONFIG = 7;
const CONFIG_SIZE = 4096;
const READ_WRITE = 3;
const WQCFG = 0x500;
const MSIX_PERM = 0x5000;

interface Access {
  readonly region: 0 | 2 | 7;
  /** An offset in the region. The access is aligned downwards. */
  readonly offset: number;
  readonly width: Width;
  readonly value: bigint;
  readonly isWrite: boolean;
}

/** A command with a plausible operand. */
const command = fc
  .tuple(fc.integer({ min: 0, max: 31 }), fc.oneof(fc.integer({ min: 0, max: 3 }), u32))
  .map(([code, operand]) => BigInt((code * 2 ** 20 + (operand & 0xfffff)) >>> 0));

const access: fc.Arbitrary<Access> = fc.oneof(
  fc.record({
    region: fc.constant(0 as const),
    offset: fc.constant(dsa.IDXD_CMD_OFFSET),
    width: fc.constant(4 as const),
    value: command,
    isWrite: fc.constant(true),
  }),
  fc.record({
    region: fc.constant(0 as const),
    offset: fc.oneof(
      fc.integer({ min: 0, max: 0xff }),
      fc.integer({ min: WQCFG, max: WQCFG + 31 }),
      fc.integer({ min: MSIX_PERM, max: MSIX_PERM + 31 }),
      fc.integer({ min: 0, max: 0xffff }),
    ),
    width: fc.constantFrom<Width>(1, 2, 4, 4, 8),
    value: fc.oneof(u64, fc.constantFrom(1n, 16n, 0x5008n)),
    isWrite: fc.boolean(),
  }),
  fc.record({
    region: fc.constantFrom(2 as const, 7 as const),
    offset: fc.integer({ min: 0, max: 0x3fff }),
    width: fc.constantFrom<Width>(1, 2, 4, 8),
    value: u64,
    isWrite: fc.boolean(),
  }),
);

/** Performs an access like a server. */
function perform(virtual: VirtualDsa, { region, width, value, isWrite, ...one }: Access): void {
  const offset = one.offset - (one.offset % width);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  if (region === CONFIG) {
    const part = bytes.subarray(0, Math.min(width, 4));
    if (isWrite) virtual.device.write(region, offset % CONFIG_SIZE, part);
    else virtual.device.read(region, offset % CONFIG_SIZE, part);
    return;
  }
  const trap = virtual.serveOptions.traps.find(
    (range) =>
      range.region === region && offset >= range.offset && offset < range.offset + range.size,
  );
  if (isWrite) writeTrap(trap, offset, width, BigInt.asUintN(8 * width, value));
  else trap?.read?.(offset - trap.offset, width);
}

function writeTrap(trap: Trap | undefined, offset: number, width: Width, value: bigint): void {
  trap?.write?.(offset - trap.offset, width, width === 8 ? value : Number(value));
}

/** Enables MSI-X of a virtual DSA. @returns the eventfds of its vectors */
function enable(host: DsaHost, { serveOptions }: VirtualDsa): Eventfd[] {
  const eventfds = [host.device.createEventfd(), host.device.createEventfd()];
  serveOptions.interrupts.setIrqs({ index: 2, flags: 0x24, start: 0, count: 2, eventfds });
  return eventfds;
}

function start(t: ExecutionContext) {
  const device = openDeviceSync('mock:dsa#fuzz', { via: 'cdev' });
  const host = new DsaHost(device);
  const [attacker, victim] = [new VirtualDsa(host), new VirtualDsa(host)];
  attacker.bindPasid(5);
  t.teardown(() => {
    for (const virtual of [attacker, victim]) virtual.close();
    host.close();
    device.close();
  });
  const { addressSpace } = victim.device;
  const memory = addressSpace.allocate(PAGE_SIZE, false);
  addressSpace.mapSync(memory, 0, BigInt(PAGE_SIZE), 0n, READ_WRITE);
  const registers = host.driver.registers;
  const wqcfg = host.driver.tables.wqcfg + dsa.WQCFG_SIZE;
  enable(host, attacker);
  const eventfds = enable(host, victim);
  for (const [at, value] of [
    [dsa.IDXD_CMD_OFFSET, dsa.IDXD_CMD_ENABLE_DEVICE * 2 ** 20],
    [WQCFG, 16],
    [WQCFG + 8, dsa.WQCFG_MODE_DEDICATED],
    [dsa.IDXD_CMD_OFFSET, dsa.IDXD_CMD_ENABLE_WQ * 2 ** 20],
  ] as const) {
    perform(victim, { region: 0, offset: at, width: 4, value: BigInt(value), isWrite: true });
  }
  /** The state that belongs to the victim or to the host. */
  const snapshot = () => ({
    device: registers.read32(dsa.IDXD_GENSTATS_OFFSET),
    command: device.config.read32(4),
    queue: Array.from({ length: 8 }, (_, word) => registers.read32(wqcfg + 4 * word)),
    slot: victim.interrupts.slotOf(1)?.read(),
    handle: victim.interrupts.slotOf(1)?.handle,
    cause: victim.interrupts.cause,
    interrupts: eventfds.map((eventfd) => eventfd.read()),
    memory: [...new Uint8Array(memory.buffer)],
  });
  return { attacker, snapshot };
}

test('no access of a guest throws, or changes the shared device or another guest', async (t) => {
  const { attacker, snapshot } = start(t);
  const before = snapshot();
  t.is(before.device, 1);
  t.not(before.handle, undefined);
  const accesses = fc.array(access, { minLength: 20, maxLength: 60 });
  await fuzz(t, 150, accesses, async (list) => {
    for (const one of list) perform(attacker, one);
    await turn();
    t.deepEqual(snapshot(), before);
  });
});
