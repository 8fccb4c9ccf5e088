import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { DsaHost } from '../../lib/demo/dsa/host.js';
import { GuestInterrupts } from '../../lib/demo/dsa/interrupts.js';
import { Submitter } from '../../lib/demo/dsa/portal.js';
import * as dsa from '../../lib/demo/dsa/registers.js';
import { findDemo } from '../../lib/demo/index.js';
import { type Eventfd, openDevice, PasidMap } from 'vfio';

const DEFAULT = 1;
const HOSTS = [0x105, 0x106] as const;
const GUEST = 5;
const OTHER = 6;
const PASID_ENABLE = 8;
let opened = 0;

/** The vectors of the guest: the misc interrupt, one for the guest's kernel, two for processes. */
const VECTORS = [0, 1, 2, 3] as const;

/** Starts a guest. */
async function start(t: ExecutionContext) {
  const device = await openDevice(`mock:dsa#${++opened}`);
  for (const pasid of [DEFAULT, ...HOSTS]) device.attachPasid(pasid);
  const host = new DsaHost(device);
  const { driver } = host;
  driver.enableQueue(0, { dedicatedTo: DEFAULT });
  driver.enableQueue(1, 'shared');
  for (const [line, pasid] of HOSTS.entries()) driver.assignPasid(line, pasid);
  const kernel = new Submitter(device, driver, driver.portalOffset(0));
  const one = new Submitter(device, driver, driver.portalOffset(1, 0));
  const two = new Submitter(device, driver, driver.portalOffset(1, 1));
  const pasids = new PasidMap(DEFAULT);
  const virtual = new GuestInterrupts(host, { vectors: VECTORS.length, pasids });
  const { msix, perm } = virtual;
  pasids.bind(GUEST, HOSTS[0]);
  pasids.bind(OTHER, HOSTS[1]);
  const eventfds: Eventfd[] = [];
  msix.configWrite(2, 2, 0x8000);
  for (const vector of VECTORS) {
    const eventfd = device.createEventfd();
    eventfds.push(eventfd);
    msix.connect(vector, eventfd);
    msix.tableWrite(16 * vector + 12, 4, 0);
  }
  perm.write(2 * 8, 4, (GUEST << 12) | PASID_ENABLE);
  perm.write(3 * 8, 4, (OTHER << 12) | PASID_ENABLE);
  t.teardown(() => {
    virtual.close();
    host.close();
    device.close();
  });
  /** Returns the number of interrupts of each vector since the last call. */
  const readCounts = async () => {
    await turn();
    return eventfds.map((eventfd) => Number(eventfd.read()));
  };
  return { virtual, kernel, one, two, readCounts };
}

test.serial('the demo raises two vectors, and a forged handle raises no vector', async (t) => {
  const device = await openDevice('mock:dsa');
  const report = await (await findDemo(device))(device);
  t.true(report.ok);
  t.like(report.data, {
    vectors: [
      { vector: 1, guestPasid: 0, hostPasid: DEFAULT, slot: 0, interrupts: 1 },
      { vector: 2, guestPasid: GUEST, hostPasid: HOSTS[0], slot: 1, interrupts: 3 },
    ],
    forged: { status: dsa.DSA_COMP_INT_HANDLE_INVAL, interrupts: 0 },
  });
  t.is(device.dma.mapped, 0);
  device.close();
});

test.serial(
  'work on a portal raises only the portal’s own vector, even if a descriptor has another PASID',
  async (t) => {
    const { virtual, kernel, one, two, readCounts } = await start(t);
    const portals = [kernel, one, two];
    for (const [submitter, portal] of portals.entries()) {
      for (const vector of VECTORS.slice(1)) {
        const claimed = [DEFAULT, ...HOSTS][vector - 1];
        const status = await portal.submitNoop(virtual.requestHandle(vector), claimed);
        const own = submitter === vector - 1;
        t.is(status, own ? dsa.DSA_COMP_SUCCESS : dsa.DSA_COMP_INT_HANDLE_INVAL);
        t.deepEqual(
          await readCounts(),
          VECTORS.map((v) => (own && v === vector ? 1 : 0)),
        );
      }
    }
  },
);

test.serial(
  'when a PASID is unbound, its handles are revoked, INTCAUSE is set and no stale interrupt arrives',
  async (t) => {
    const { virtual, kernel, one, two, readCounts } = await start(t);
    const stale = virtual.requestHandle(2);
    // An interrupt that is pending in a masked slot is dropped when the PASID is unbound.
    virtual.msix.tableWrite(2 * 16 + 12, 4, 1);
    t.is(await one.submitNoop(stale), dsa.DSA_COMP_SUCCESS);
    virtual.pasids.unbind(GUEST);
    t.is(virtual.cause, dsa.IDXD_INTC_INT_HANDLE_REVOKED);
    t.deepEqual(await readCounts(), [1, 0, 0, 0], 'the misc interrupt');
    virtual.acknowledge(dsa.IDXD_INTC_INT_HANDLE_REVOKED);
    t.is(virtual.cause, 0);
    const fresh = virtual.requestHandle(2);
    t.not(fresh, stale);
    t.true(virtual.perm.stale(2));
    virtual.msix.tableWrite(2 * 16 + 12, 4, 0);
    t.is(virtual.msix.state(2), 'requested');
    for (const handle of [stale, fresh]) {
      t.is(await one.submitNoop(handle), dsa.DSA_COMP_INT_HANDLE_INVAL);
    }
    t.is(await kernel.submitNoop(fresh), dsa.DSA_COMP_SUCCESS);
    t.is(await two.submitNoop(virtual.requestHandle(3)), dsa.DSA_COMP_SUCCESS);
    t.deepEqual(await readCounts(), [0, 0, 0, 1], 'other vectors are not affected');

    virtual.pasids.bind(GUEST, HOSTS[0]);
    t.false(virtual.perm.stale(2));
    t.is(
      virtual.requestHandle(2),
      fresh,
      'the driver of the guest does not request a handle again',
    );
    t.is(await one.submitNoop(stale), dsa.DSA_COMP_INT_HANDLE_INVAL);
    t.deepEqual(await readCounts(), [0, 0, 0, 0], 'the pending interrupts are dropped');
    t.is(await one.submitNoop(fresh), dsa.DSA_COMP_SUCCESS);
    t.deepEqual(await readCounts(), [0, 0, 1, 0]);
  },
);
