import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Dsa } from '../../lib/demo/dsa/device.js';
import { Submitter } from '../../lib/demo/dsa/portal.js';
import * as dsa from '../../lib/demo/dsa/registers.js';
import { VirtualDsa } from '../../lib/demo/dsa/virtual.js';
import { demoFor } from '../../lib/demo/index.js';
import { type Eventfd, openDevice } from 'vfio';

const DEFAULT = 1;
const HOSTS = [0x105, 0x106] as const;
const GUEST = 5;
const OTHER = 6;
const PASID_ENABLE = 8;
let opened = 0;

/** A guest with three vectors: the kernel's, and two of its processes. */
async function start(t: ExecutionContext) {
  const device = await openDevice(`mock:dsa#${++opened}`);
  device.config.update('command', { memory: 1, bus_master: 1 });
  for (const pasid of [DEFAULT, ...HOSTS]) device.attachPasid(pasid);
  const driver = new Dsa(device);
  driver.command(dsa.IDXD_CMD_ENABLE_DEVICE);
  driver.enableQueue(0, { dedicatedTo: DEFAULT });
  driver.enableQueue(1, 'shared');
  for (const [line, pasid] of HOSTS.entries()) driver.assign(line, pasid);
  const kernel = new Submitter(device, driver, driver.portal(0));
  const one = new Submitter(device, driver, driver.portal(1, 0));
  const two = new Submitter(device, driver, driver.portal(1, 1));
  const virtual = new VirtualDsa(device, driver, {
    vectors: 3,
    defaultPasid: DEFAULT,
    raiseMisc: (handle) => void kernel.noop(handle),
  });
  const { msix, pasids, perm } = virtual;
  pasids.bind(GUEST, HOSTS[0]);
  pasids.bind(OTHER, HOSTS[1]);
  const eventfds: Eventfd[] = [];
  msix.configWrite(2, 2, 0x8000);
  for (let vector = 0; vector < 3; vector++) {
    const eventfd = device.createEventfd();
    eventfds.push(eventfd);
    msix.connect(vector, eventfd);
    msix.tableWrite(16 * vector + 12, 4, 0);
  }
  perm.write(8, 4, (GUEST << 12) | PASID_ENABLE);
  perm.write(16, 4, (OTHER << 12) | PASID_ENABLE);
  t.teardown(() => {
    virtual.close();
    device.close();
  });
  /** Interrupts since the last time, by vector. */
  const taken = async () => {
    await turn();
    return eventfds.map((eventfd) => Number(eventfd.read()));
  };
  return { virtual, kernel, one, two, taken };
}

test.serial('the demo: two vectors on slots, and a forged handle', async (t) => {
  const device = await openDevice('mock:dsa');
  const report = await (await demoFor(device))(device);
  t.true(report.ok);
  t.like(report.data, {
    vectors: [
      { vector: 0, guestPasid: 0, hostPasid: DEFAULT, slot: 0, interrupts: 1 },
      { vector: 1, guestPasid: GUEST, hostPasid: HOSTS[0], slot: 1, interrupts: 3 },
    ],
    forged: { status: dsa.DSA_COMP_INT_HANDLE_INVAL, interrupts: 0 },
  });
  t.is(device.dma.mapped, 0);
  device.close();
});

test.serial(
  'each portal raises its own vector and no other, whatever descriptors say',
  async (t) => {
    const { virtual, kernel, one, two, taken } = await start(t);
    const portals = [kernel, one, two];
    for (const [who, portal] of portals.entries()) {
      for (let vector = 0; vector < 3; vector++) {
        const claimed = [DEFAULT, ...HOSTS][vector];
        const status = await portal.noop(virtual.requestHandle(vector), claimed);
        const own = who === vector;
        t.is(status, own ? dsa.DSA_COMP_SUCCESS : dsa.DSA_COMP_INT_HANDLE_INVAL);
        t.deepEqual(
          await taken(),
          [0, 1, 2].map((v) => (own && v === vector ? 1 : 0)),
        );
      }
    }
  },
);

test.serial('unbinding a PASID: handles revoked, cause told, 0 stale deliveries', async (t) => {
  const { virtual, one, two, taken } = await start(t);
  const stale = virtual.requestHandle(1);
  // What waits in a masked slot when its PASID goes is never delivered.
  virtual.msix.tableWrite(16 + 12, 4, 1);
  t.is(await one.noop(stale), dsa.DSA_COMP_SUCCESS);
  virtual.pasids.unbind(GUEST);
  t.is(virtual.interruptCause, dsa.IDXD_INTC_INT_HANDLE_REVOKED);
  t.deepEqual(await taken(), [1, 0, 0], 'the misc interrupt');
  virtual.acknowledge(dsa.IDXD_INTC_INT_HANDLE_REVOKED);
  t.is(virtual.interruptCause, 0);
  t.throws(() => virtual.requestHandle(1), { code: 'ENXIO' });
  t.true(virtual.perm.stale(1));
  virtual.msix.tableWrite(16 + 12, 4, 0);
  t.is(virtual.msix.state(1), 'failed');
  for (let n = 0; n < 10; n++) t.is(await one.noop(stale), dsa.DSA_COMP_INT_HANDLE_INVAL);
  t.is(await two.noop(virtual.requestHandle(2)), dsa.DSA_COMP_SUCCESS);
  t.deepEqual(await taken(), [0, 0, 1], 'nobody else is touched');

  virtual.pasids.bind(GUEST, HOSTS[0]);
  virtual.perm.write(8, 4, (GUEST << 12) | PASID_ENABLE);
  const fresh = virtual.requestHandle(1);
  t.not(fresh, stale);
  virtual.msix.tableWrite(16 + 12, 4, 0);
  t.is(await one.noop(stale), dsa.DSA_COMP_INT_HANDLE_INVAL);
  t.deepEqual(await taken(), [0, 0, 0], 'nor what was pending before');
  t.is(await one.noop(fresh), dsa.DSA_COMP_SUCCESS);
  t.deepEqual(await taken(), [0, 1, 0]);
});
