// Linux's own driver idxd uses virtual DSAs of one mock:dsa, in two guests at once.
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { openDevice, serveDevice, type Trap } from 'vfio';
import { DsaHost } from '../../../../lib/demo/dsa/host.js';
import * as dsa from '../../../../lib/demo/dsa/registers.js';
import { VirtualDsa } from '../../../../lib/demo/dsa/virtual.js';
import { kernelParameters } from '../../../../lib/lab/machine.js';
import { temporaryFolder } from '../../../native/helpers.js';
import { runScript } from './support.js';

const GUEST_PASID = 5;
const PASID_ENABLE = 8;
const DATA = { one: '0x1111111111111111', two: '0x2222222222222222' } as const;
/** The fields of a slot: the control word contains the PASID. */
const SLOT_SIZE = 16;
const SLOT_CONTROL = 12;
/**
 * QEMU's CPU has the CPUID bit of MOVDIR64B, which idxd needs, but not the instruction. The kernel
 * leaves the upper part of the memory to the script.
 */
const QEMU_ARGS = [
  ...['-cpu', 'max,la57=off,+movdir64b,x-force-features=on'],
  ...['-append', [...kernelParameters('x64'), 'intel_iommu=off', 'mem=448M'].join(' ')],
];

/** A virtual DSA at a socket. Records the accesses of its guest to registers. */
class Served {
  readonly virtual: VirtualDsa;
  readonly path = join(temporaryFolder(), 's');
  /** The commands of the guest, and the causes that the guest has read from `INTCAUSE`. */
  readonly commands: number[] = [];
  readonly causes: number[] = [];
  readonly events = new EventEmitter<{ command: [] }>();

  private constructor(virtual: VirtualDsa) {
    this.virtual = virtual;
  }

  static async start(t: ExecutionContext, host: DsaHost): Promise<Served> {
    const served = new Served(new VirtualDsa(host));
    const { device, serveOptions } = served.virtual;
    const traps = serveOptions.traps.map((trap) => served.#watch(trap));
    const server = await serveDevice(device, { socket: served.path, ...serveOptions, traps });
    server.on('error', (error) => {
      t.fail(error.message);
    });
    t.teardown(async () => {
      await server.close();
      served.virtual.close();
    });
    return served;
  }

  get slot() {
    return this.virtual.interrupts.slotOf(1);
  }

  get handle(): number {
    return this.slot?.handle ?? 0;
  }

  #watch(trap: Trap): Trap {
    if (trap.region !== 0 || trap.offset !== 0) return trap;
    return {
      ...trap,
      read: (offset, width) => {
        const value = trap.read?.(offset, width) ?? 0;
        if (offset === dsa.IDXD_INTCAUSE_OFFSET) this.causes.push(Number(value));
        return value;
      },
      write: (offset, width, value) => {
        trap.write?.(offset, width, value);
        if (offset !== dsa.IDXD_CMD_OFFSET) return;
        this.commands.push((Number(value) >>> 20) & 0x1f);
        this.events.emit('command');
      },
    };
  }
}

/** A guest that runs the script. */
class Guest {
  readonly served: Served;
  readonly #stdin = new PassThrough();
  readonly #lines: string[] = [];
  readonly #events = new EventEmitter<{ line: [] }>();
  readonly #end = new AbortController();
  readonly #result: Promise<{ readonly exitCode: number; readonly errors: string }>;

  constructor(t: ExecutionContext, served: Served) {
    this.served = served;
    t.teardown(() => this.kill());
    this.#result = runScript('idxd.sh', {
      serve: [`vfio-user:${served.path}`],
      modules: ['idxd'],
      memory: '512M',
      cpus: 1,
      qemuArgs: QEMU_ARGS,
      stdin: this.#stdin,
      signal: this.#end.signal,
      onLine: (line) => {
        this.#lines.push(line);
        this.#events.emit('line');
      },
    });
  }

  /** Returns the next line of the script. */
  async line(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      const { errors } = await Promise.race([
        once(this.#events, 'line').then(() => ({ errors: undefined })),
        this.#result,
      ]);
      if (errors !== undefined) throw new Error(`the guest has ended: ${errors}`);
    }
  }

  async ask(command: string): Promise<string> {
    this.#stdin.write(`${command}\n`);
    return this.line();
  }

  /** Submits work without an operation, and waits for the interrupt of the own handle. */
  noop(): Promise<string> {
    return this.ask(`noop ${this.served.handle}`);
  }

  /** Submits work with a handle that raises no interrupt in this guest. */
  forge(handle: number): Promise<string> {
    return this.ask(`forge ${handle}`);
  }

  async count(): Promise<number> {
    return Number((await this.ask('count')).replace('interrupts ', ''));
  }

  /** Ends the guest like a power failure. Idempotent. */
  async kill(): Promise<void> {
    this.#end.abort();
    await this.#result.catch((error: unknown) => {
      if (error !== this.#end.signal.reason) throw error;
    });
  }

  async end(): Promise<number> {
    this.#stdin.write('end\n');
    return (await this.#result).exitCode;
  }
}

const ENABLED = 'device enabled, queue enabled';
const DONE = 'status 0x01, interrupts 1';
const REFUSED = 'status 0x19';

/** Checks that work with a handle is refused, and raises no interrupt in any guest. */
async function checkForged(
  t: ExecutionContext,
  guests: readonly Guest[],
  guest: Guest,
  handle: number,
): Promise<void> {
  const before = await Promise.all(guests.map((one) => one.count()));
  t.is(await guest.forge(handle), REFUSED, `handle ${handle}`);
  // An interrupt of the forged work would arrive before the interrupts of this work.
  for (const one of guests) t.is(await one.noop(), DONE);
  const after = await Promise.all(guests.map((one) => one.count()));
  t.deepEqual(
    after,
    before.map((count) => count + 1),
    `handle ${handle}`,
  );
}

test('the drivers idxd of two guests use one DSA, and reach only their own memory and interrupts', async (t) => {
  t.timeout(900_000);
  const device = await openDevice('mock:dsa#guests', { via: 'cdev' });
  const host = new DsaHost(device);
  t.teardown(() => {
    host.close();
    device.close();
  });
  const served = [await Served.start(t, host), await Served.start(t, host)] as const;
  const one = new Guest(t, served[0]);
  const two = new Guest(t, served[1]);
  const guests = [one, two];
  for (const guest of guests) t.is(await guest.line(), ENABLED);

  const pasids = served.map(({ virtual }) => virtual.interrupts.pasids.default);
  t.deepEqual(
    served.map(({ slot }) => slot?.cookie),
    pasids,
  );
  t.not(pasids[0], pasids[1]);
  for (const guest of guests) t.is(await guest.noop(), DONE);

  // The same guest address is different memory in each guest.
  t.is(await one.ask(`fill ${DATA.one}`), 'filled');
  t.is(await two.ask(`fill ${DATA.two}`), 'filled');
  for (const guest of guests) t.is(await guest.ask(`move ${guest.served.handle} 8`), DONE);
  t.is(await one.ask('target'), `target ${DATA.one}`);
  t.is(await two.ask('target'), `target ${DATA.two}`);

  // MSIX_PERM changes the PASID of the slot, and restores it.
  const other = served[0].virtual.bindPasid(GUEST_PASID);
  const entry = GUEST_PASID * 2 ** 12 + PASID_ENABLE;
  t.is(await one.ask(`perm ${entry}`), 'perm 0x00005008');
  t.is(served[0].slot?.cookie, other);
  t.is(await one.forge(served[0].handle), REFUSED, 'the queue has the default PASID');
  t.is(await one.ask('perm 0'), 'perm 0x00000000');
  t.is(served[0].slot?.cookie, pasids[0]);
  t.is(await one.noop(), DONE);

  for (const [i, guest] of guests.entries()) {
    for (const handle of [served[1 - i]?.handle ?? 0, 0x7777, 0]) {
      await checkForged(t, guests, guest, handle);
    }
  }

  // Negative control: if the slots of both guests have one PASID, the forged handle works.
  const control = host.driver.tables.ims + SLOT_SIZE * (served[1].slot?.index ?? 0) + SLOT_CONTROL;
  const permission = host.driver.registers.read32(control);
  const before = await two.count();
  host.driver.registers.write32(control, (pasids[0] ?? 0) * 2 ** 12 + PASID_ENABLE);
  t.is(await one.forge(served[1].handle), 'status 0x01');
  while ((await two.count()) === before);
  t.is(await two.count(), before + 1);
  host.driver.registers.write32(control, permission);

  for (const guest of guests) {
    t.is(await guest.ask('rebind'), ENABLED);
    t.is(await guest.noop(), DONE);
  }
  await checkForged(t, guests, one, served[1].handle);

  // The driver of the first guest requests a new handle. Afterwards its own work would fault, because
  // the CPU has no MOVDIR64B, so this guest ends.
  const { commands, causes, events, handle } = served[0];
  commands.length = causes.length = 0;
  host.domain.revoke(pasids[0] ?? 0);
  while (!commands.includes(dsa.IDXD_CMD_REQUEST_INT_HANDLE)) await once(events, 'command');
  t.true(causes.includes(dsa.IDXD_INTC_INT_HANDLE_REVOKED), causes.join());
  t.not(served[0].handle, handle);
  await one.kill();
  t.is(await two.noop(), DONE);

  const third = new Guest(t, served[0]);
  t.is(await third.line(), ENABLED);
  await checkForged(t, [two, third], third, handle);
  t.deepEqual([await two.end(), await third.end()], [0, 0]);
});
