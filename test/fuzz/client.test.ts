// Random messages of a vfio-user client. The server answers each message or ends the client. No
// descriptor of the client is left open, and the server serves the next client.
import { closeSync, openSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { SoftwareSource, VirtualIrqs, VirtualMsix } from 'vfio/mock';
import fc from '../fast-check.js';
import { countFds } from '../native/helpers.js';
import { GuestNvme, RAM_SIZE } from '../serve/guest-nvme.js';
import { COMMANDS, header, NO_REPLY, RawClient, words } from '../serve/raw-client.js';
import { createEventfd, GuestRam, startServer } from '../serve/support.js';
import { fuzz, u32, u64 } from './inputs.js';

const PAGE = 4096;

/** A message of a client, or bytes that are no message. */
interface Input {
  readonly command: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  /** Indexes of the descriptors that the message carries. */
  readonly fds: readonly number[];
  /** The difference between the size in the header and the real size. */
  readonly wrongSize: number;
}

const pages = fc.oneof(
  fc.integer({ min: 0, max: 8 }).map((n) => BigInt(n * PAGE)),
  u64,
);
const small = fc.oneof(fc.integer({ min: 0, max: 9 }), u32);

/** Payloads with the fields of one command. */
const payloads: readonly (readonly [command: number, payload: fc.Arbitrary<Uint8Array>])[] = [
  [COMMANDS.dmaMap, fc.tuple(u32, small, pages, pages, pages).map((all) => words(...all))],
  [COMMANDS.dmaUnmap, fc.tuple(u32, small, pages, pages).map((all) => words(...all))],
  [COMMANDS.getInfo, fc.tuple(u32, u32, u32, u32).map((all) => words(...all))],
  [COMMANDS.getRegionInfo, fc.tuple(u32, u32, small, u32, pages, u64).map((all) => words(...all))],
  [COMMANDS.getIrqInfo, fc.tuple(u32, u32, small, u32).map((all) => words(...all))],
  [
    COMMANDS.setIrqs,
    fc
      .tuple(u32, fc.constantFrom(0x21, 0x24, 0x24, 0x22, 0x0c, 0x14, 0x11, 7), small, small, small)
      .map((all) => words(...all)),
  ],
  [COMMANDS.regionRead, fc.tuple(pages, small, small).map((all) => words(...all))],
  [
    COMMANDS.regionWrite,
    fc
      .tuple(fc.bigInt({ min: 0n, max: 0x1100n }), small, fc.uint8Array({ maxLength: 16 }))
      .map(([at, region, data]) => Buffer.concat([words(at, region, data.length), data])),
  ],
  [COMMANDS.writeMulti, fc.array(u64, { maxLength: 8 }).map((all) => words(...all))],
  [COMMANDS.reset, fc.constant(Buffer.alloc(0))],
];

const correct = fc.oneof(
  ...payloads.map(([command, payload]) => payload.map((bytes) => ({ command, payload: bytes }))),
);
const random = fc.record({
  command: fc.integer({ min: 0, max: 20 }),
  payload: fc.uint8Array({ maxLength: 64 }),
});

const input: fc.Arbitrary<Input> = fc
  .record({
    body: fc.oneof({ arbitrary: correct, weight: 8 }, { arbitrary: random, weight: 1 }),
    flags: fc.oneof(
      { arbitrary: fc.constantFrom(0, 0, 0, NO_REPLY), weight: 30 },
      { arbitrary: u32, weight: 1 },
    ),
    fds: fc.oneof(
      { arbitrary: fc.constant([]), weight: 2 },
      { arbitrary: fc.array(fc.nat(3), { maxLength: 3 }), weight: 1 },
    ),
    wrongSize: fc.oneof(
      { arbitrary: fc.constant(0), weight: 40 },
      { arbitrary: fc.integer({ min: -64, max: 64 }), weight: 1 },
    ),
  })
  .map(({ body, ...rest }) => ({ ...body, ...rest }));

/** Sends a message. @returns whether the server still reads the messages of this client */
function send(client: RawClient, one: Input, fds: readonly number[]): boolean {
  const size = Math.max(16 + one.payload.length + one.wrongSize, 0);
  const bytes = Buffer.concat([header(7, one.command, size, one.flags), one.payload]);
  try {
    client.sendBytes(bytes, one.fds.length === 0 ? undefined : one.fds.map((i) => fds[i] ?? 0));
    return true;
  } catch {
    return false;
  }
}

async function checkClients(t: ExecutionContext, name: string, virtual: boolean): Promise<void> {
  const msix = new VirtualMsix({
    ...{ vectors: 8, table: { bar: 0, offset: 0x2000 }, pba: { bar: 0, offset: 0x3000 } },
  });
  new SoftwareSource(msix).emulate(0, 8);
  const interrupts = virtual ? new VirtualIrqs(msix) : undefined;
  const server = await startServer(t, name, { interrupts });
  const ram = new GuestRam(t, RAM_SIZE);
  const zero = openSync('/dev/zero', 'r+');
  t.teardown(() => {
    closeSync(zero);
  });
  const fds = [ram.fd, ram.fd, createEventfd(t), zero];
  const before = countFds();
  await fuzz(t, 300, fc.array(input, { minLength: 1, maxLength: 12 }), async (inputs) => {
    // once() of node:events would reject at an event 'error', which reports a posted write.
    const gone = new Promise((resolve) => server.once('gone', resolve));
    const client = await RawClient.negotiated(server.path);
    for (const one of inputs) if (!send(client, one, fds)) break;
    client.close();
    await gone;
    t.is(countFds(), before);
  });
  const client = await RawClient.negotiated(server.path);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  t.is((await nvme.identify()).readUInt16LE(0), 0x1b36);
  client.close();
}

test.serial('random messages of clients of a mock device', async (t) => {
  await checkClients(t, 'mock:nvme#fuzz', false);
});

test.serial('random messages of clients of a virtual front end', async (t) => {
  await checkClients(t, 'mock:nvme#fuzz-virtual', true);
});
