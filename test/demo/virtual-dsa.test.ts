import test, { type ExecutionContext } from 'ava';
import { type DeviceServer, openDevice } from 'vfio';
import { DsaHost } from '../../lib/demo/dsa/host.js';
import * as dsa from '../../lib/demo/dsa/registers.js';
import { VirtualDsa } from '../../lib/demo/dsa/virtual.js';
import { startServer } from '../serve/support.js';
import { DESTINATION, GuestDsa, SOURCE } from './guest-dsa.js';

const { DSA_COMP_SUCCESS: SUCCESS, DSA_COMP_INT_HANDLE_INVAL: REFUSED } = dsa;
const PAGE_FAULT = 0x03;
const GUEST_PASID = 5;
const CONFIG = 7;
const NONE = [0, 0];
let opened = 0;

async function startHost(t: ExecutionContext): Promise<DsaHost> {
  const device = await openDevice(`mock:dsa#virtual${++opened}`, { via: 'cdev' });
  const host = new DsaHost(device);
  t.teardown(() => {
    host.close();
    device.close();
  });
  return host;
}

/** Serves a virtual DSA. */
async function serve(t: ExecutionContext, virtual: VirtualDsa): Promise<DeviceServer> {
  t.teardown(() => {
    virtual.close();
  });
  return startServer(t, virtual.device, virtual.serveOptions);
}

/** Starts two guests, each with a virtual DSA of its own. */
async function startGuests(t: ExecutionContext, sharesPasids = false) {
  const host = await startHost(t);
  const one = new VirtualDsa(host);
  const two = new VirtualDsa(host, { pasids: sharesPasids ? one.interrupts.pasids : undefined });
  const servers = [await serve(t, one), await serve(t, two)] as const;
  const guests = [
    await GuestDsa.start(t, servers[0]),
    await GuestDsa.start(t, servers[1]),
  ] as const;
  const handles = [await guests[0].requestHandle(), await guests[1].requestHandle()] as const;
  return { host, virtuals: [one, two] as const, servers, guests, handles };
}

/** Checks that work raises only the interrupt of its own guest. */
async function checkGuest(t: ExecutionContext, guest: GuestDsa, other: GuestDsa): Promise<void> {
  const handle = await guest.requestHandle();
  for (const page of [0, 1]) t.is(await guest.submit({ handle, page }), SUCCESS);
  t.deepEqual(guest.takeInterrupts(), [0, 2]);
  t.deepEqual(other.takeInterrupts(), NONE);
}

test('two guests on one DSA reach only their own memory and their own interrupts', async (t) => {
  const { virtuals, guests, handles } = await startGuests(t);
  t.not(handles[0], handles[1]);
  const cookies = virtuals.map(({ interrupts }) => interrupts.slotOf(1)?.cookie);
  t.deepEqual(
    cookies,
    virtuals.map(({ interrupts }) => interrupts.pasids.default),
  );
  t.not(cookies[0], cookies[1]);
  for (const [i, guest] of guests.entries()) guest.ram.write(SOURCE, Buffer.alloc(64, 0xa0 + i));
  for (const [i, guest] of guests.entries()) {
    const handle = handles[i] ?? 0;
    const opcode = dsa.DSA_OPCODE_MEMMOVE;
    t.is(await guest.submit({ handle, opcode, size: 64 }), SUCCESS);
    // The same guest address is different memory in each guest.
    t.deepEqual(guest.ram.read(DESTINATION, 64), Buffer.alloc(64, 0xa0 + i));
    t.deepEqual(
      guests.map((one) => one.takeInterrupts()[1]),
      i === 0 ? [1, 0] : [0, 1],
    );
  }
  t.is((await guests[1].client.mapDma(guests[1].ram.fd, 0n, 0x20_0000n, 4096n)).errno, 0);
  // Memory of the second guest at an address that the first guest has not mapped.
  const unmapped = { handle: handles[0], opcode: dsa.DSA_OPCODE_MEMMOVE, size: 64 };
  t.is(await guests[0].submit({ ...unmapped, source: 0x10_0000 }), PAGE_FAULT);
  t.is(await guests[1].submit({ ...unmapped, handle: handles[1], source: 0x10_0000 }), SUCCESS);
});

test('a forged handle completes with status 0x19, and raises no interrupt in any guest', async (t) => {
  const { guests, handles } = await startGuests(t);
  for (const [i, guest] of guests.entries()) {
    for (const handle of [handles[1 - i] ?? 0, 0x7777, 0]) {
      t.is(await guest.submit({ handle }), REFUSED, `handle ${handle} in guest ${i}`);
      t.deepEqual(
        guests.map((one) => one.takeInterrupts()),
        [NONE, NONE],
      );
    }
  }
});

test('negative control: with one PASID for both guests, a forged handle raises an interrupt', async (t) => {
  const { guests, handles } = await startGuests(t, true);
  await guests[1].submit({ handle: handles[0] });
  t.deepEqual(
    guests.map((one) => one.takeInterrupts()),
    [[0, 1], NONE],
  );
});

test("MSIX_PERM changes the host PASID of the guest's slot, and restores it", async (t) => {
  const { virtuals, guests, handles } = await startGuests(t);
  const [{ interrupts }] = virtuals;
  const [guest, other] = guests;
  await guest.setPermission(GUEST_PASID);
  t.true(interrupts.perm.stale(1), 'the PASID is not bound, so the vector is silent');
  t.is(await guest.submit({ handle: handles[0] }), SUCCESS);
  t.deepEqual(guest.takeInterrupts(), NONE);
  const pasid = virtuals[0].bindPasid(GUEST_PASID);
  t.is(interrupts.slotOf(1)?.cookie, pasid);
  t.is(await guest.submit({ handle: handles[0] }), REFUSED, 'the queue has the default PASID');
  await guest.setPermission(null);
  t.is(interrupts.slotOf(1)?.cookie, interrupts.pasids.default);
  t.is(await guest.submit({ handle: handles[0] }), SUCCESS);
  t.deepEqual([guest.takeInterrupts(), other.takeInterrupts()], [[0, 1], NONE]);
});

test('a guest PASID that is bound already uses no further host PASID', async (t) => {
  const virtual = new VirtualDsa(await startHost(t));
  const pasid = virtual.bindPasid(GUEST_PASID);
  t.throws(() => virtual.bindPasid(GUEST_PASID), { code: 'EEXIST' });
  t.is(virtual.bindPasid(GUEST_PASID + 1), pasid + 1);
  virtual.close();
});

test('after RELEASE_INT_HANDLE, the released handle is refused', async (t) => {
  const { guests, handles } = await startGuests(t);
  const [guest] = guests;
  const release = dsa.IDXD_CMD_RELEASE_INT_HANDLE;
  const invalid = dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX_RELEASE;
  t.is(await guest.command(release, handles[1]), invalid, 'the handle of the other guest');
  t.is(await guest.command(release, handles[0]), 0);
  t.is(await guest.submit({ handle: handles[0] }), REFUSED);
  await checkGuest(t, guest, guests[1]);
  t.is(await guests[1].submit({ handle: handles[1] }), SUCCESS);
});

test('when the host revokes a handle, only its guest gets the misc interrupt and a new handle', async (t) => {
  const { host, virtuals, guests, handles } = await startGuests(t);
  const [guest, other] = guests;
  host.domain.revoke(virtuals[0].interrupts.pasids.default);
  t.deepEqual([guest.takeInterrupts(), other.takeInterrupts()], [[1, 0], NONE]);
  const causes = await Promise.all(guests.map((one) => one.read32(dsa.IDXD_INTCAUSE_OFFSET)));
  t.deepEqual(causes, [dsa.IDXD_INTC_INT_HANDLE_REVOKED, 0]);
  await guest.write32(dsa.IDXD_INTCAUSE_OFFSET, dsa.IDXD_INTC_INT_HANDLE_REVOKED);
  t.is(await guest.read32(dsa.IDXD_INTCAUSE_OFFSET), 0);
  t.is(await guest.submit({ handle: handles[0] }), REFUSED);
  t.not(await guest.requestHandle(), handles[0]);
  await checkGuest(t, guest, other);
});

test('resets and config writes of one guest do not touch the shared function', async (t) => {
  const { host, guests, handles } = await startGuests(t);
  const [guest, other] = guests;
  const config = host.device.config;
  const before = Array.from({ length: 64 }, (_, i) => config.read32(4 * i));
  const check = async (what: string) => {
    t.is(await other.submit({ handle: handles[1] }), SUCCESS, what);
    t.deepEqual([other.takeInterrupts(), guest.takeInterrupts()], [[0, 1], NONE], what);
    const after = Array.from({ length: 64 }, (_, i) => config.read32(4 * i));
    t.deepEqual(after, before, what);
  };
  await guest.client.write(CONFIG, 4, Buffer.of(0, 0));
  await guest.client.write(CONFIG, 0x10, Buffer.alloc(8, 0xff));
  t.deepEqual(await guest.client.read(CONFIG, 0x10, 4), Buffer.of(0x04, 0, 0xff, 0xff));
  await check('config writes');
  for (const [what, reset] of [
    ['DEVICE_RESET', () => guest.reset()],
    ['FLR', () => guest.client.write(CONFIG, 0x49, Buffer.of(0x80))],
    ['RESET_DEVICE', () => guest.command(dsa.IDXD_CMD_RESET_DEVICE)],
  ] as const) {
    await reset();
    await check(what);
    t.is(await guest.read32(dsa.IDXD_GENSTATS_OFFSET), 0, `${what} disables the guest's device`);
    t.is(await guest.submit({ handle: handles[0] }), 0, `${what} disables the guest's queue`);
    t.is(await guest.command(dsa.IDXD_CMD_ENABLE_DEVICE), 0);
    await guest.enableQueue(t);
    // A reset keeps the eventfds of the vectors.
    await checkGuest(t, guest, other);
  }
});

test('a guest that ends leaves nothing, and a third guest takes its place', async (t) => {
  const { virtuals, servers, guests, handles } = await startGuests(t);
  const [first, other] = guests;
  await first.setPermission(GUEST_PASID);
  const gone = new Promise((resolve) => servers[0].once('gone', resolve));
  first.client.close();
  await gone;
  t.is(virtuals[0].interrupts.slotOf(1), undefined, 'the slot is free');
  t.is(await other.submit({ handle: handles[1] }), SUCCESS);
  t.is(await other.submit({ handle: handles[0] }), REFUSED);
  const third = await GuestDsa.start(t, servers[0]);
  t.is(await third.read32(0x5008), 0, 'MSIX_PERM is clear');
  t.deepEqual(await third.client.read(CONFIG, 0x10, 4), Buffer.of(0x04, 0, 0, 0));
  t.is(await third.submit({ handle: handles[0] }), REFUSED, 'the handle of the first guest');
  t.deepEqual([third.takeInterrupts(), other.takeInterrupts()], [NONE, [0, 1]]);
  await checkGuest(t, third, other);
  t.deepEqual(first.takeInterrupts(), NONE);
});

test('the guest reads its own capabilities, and commands report errors', async (t) => {
  const { guests } = await startGuests(t);
  const [guest] = guests;
  const wqcap = await guest.client.read(0, dsa.IDXD_WQCAP_OFFSET, 8);
  t.is(wqcap.readUInt8(2), 1, 'one work queue');
  t.is((await guest.client.read(CONFIG, 0x80, 4)).readUInt16LE(2) & 0x7ff, 1, 'two vectors');
  const { IDXD_CMD_ENABLE_WQ, IDXD_CMD_REQUEST_INT_HANDLE } = dsa;
  for (const [code, operand, status] of [
    [dsa.IDXD_CMD_ENABLE_DEVICE, 0, dsa.IDXD_CMDSTS_ERR_DEV_ENABLED],
    [IDXD_CMD_ENABLE_WQ, 0, dsa.IDXD_CMDSTS_ERR_WQ_ENABLED],
    [IDXD_CMD_ENABLE_WQ, 1, dsa.IDXD_CMDSTS_INVAL_WQIDX],
    [dsa.IDXD_CMD_DISABLE_WQ, 2, dsa.IDXD_CMDSTS_INVAL_WQIDX],
    [IDXD_CMD_REQUEST_INT_HANDLE, 0, dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX],
    [IDXD_CMD_REQUEST_INT_HANDLE, 2, dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX],
    [IDXD_CMD_REQUEST_INT_HANDLE, 0x10001, dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX],
    [31, 0, dsa.IDXD_CMDSTS_INVAL_CMD],
    [dsa.IDXD_CMD_DISABLE_WQ, 1, 0],
    [dsa.IDXD_CMD_DRAIN_WQ, 1, dsa.IDXD_CMDSTS_ERR_DEV_NOT_EN],
    [dsa.IDXD_CMD_RESET_WQ, 1, 0],
    [IDXD_CMD_ENABLE_WQ, 0, dsa.IDXD_CMDSTS_ERR_WQ_SIZE],
    [dsa.IDXD_CMD_DISABLE_DEVICE, 0, 0],
    [dsa.IDXD_CMD_DISABLE_DEVICE, 0, dsa.IDXD_CMDSTS_ERR_DIS_DEV_EN],
    [IDXD_CMD_ENABLE_WQ, 0, dsa.IDXD_CMDSTS_ERR_DEV_NOTEN],
  ] as const) {
    t.is(await guest.command(code, operand), status, `command ${code}, operand ${operand}`);
  }
});

test('a virtual DSA that cannot be created frees its work queue', async (t) => {
  const device = await openDevice(`mock:dsa#virtual${++opened}`, { via: 'group' });
  const host = new DsaHost(device);
  // Only a device that was opened by its character device has further address spaces.
  t.throws(() => new VirtualDsa(host), { code: 'ENOTSUP' });
  t.is(host.allocateQueue(), 0);
  host.close();
  device.close();
});
