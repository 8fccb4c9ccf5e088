import { setImmediate as turn } from 'node:timers/promises';
import { type Eventfd, type PciDevice, VfioError } from '../../index.js';
import type { DemoReport } from '../report.js';
import { Dsa } from './device.js';
import { Submitter } from './portal.js';
import * as dsa from './registers.js';
import { VirtualDsa } from './virtual.js';

const DEFAULT_PASID = 1;
/** PASID of work that has no PASID of the guest (`IOMMU_NO_PASID`). */
const NO_PASID = 0;
/** PASID of a guest process that shares its address space with the device. */
const GUEST_PASID = 5;
const HOST_PASID = 0x105;
const ENABLE = 0x8000;
const WORK = [1, 3] as const;

/**
 * Emulates two vectors of a virtual DSA. Each vector uses a slot of the device's message store.
 * Vector 0 belongs to the guest's kernel, and vector 1 belongs to a process. After vector 1 was
 * allocated, the demo writes the PASID of the process to `MSIX_PERM`. Then the process submits work
 * with the handle of vector 0, and the device refuses that work.
 */
export async function dsaDemo(device: PciDevice): Promise<DemoReport> {
  if (!device.name.startsWith('mock:')) {
    throw new VfioError({
      code: 'ENOTSUP',
      message: 'JavaScript cannot execute MOVDIR64B or ENQCMD, which submit work to a real DSA',
      path: device.name,
      hint: 'Try mock:dsa.',
    });
  }
  device.config.update('command', { memory: 1, bus_master: 1 });
  for (const pasid of [DEFAULT_PASID, HOST_PASID]) device.attachPasid(pasid);
  const driver = new Dsa(device);
  driver.runCommand(dsa.IDXD_CMD_ENABLE_DEVICE);
  driver.enableQueue(0, { dedicatedTo: DEFAULT_PASID });
  driver.enableQueue(1, 'shared');
  driver.assignPasid(0, HOST_PASID);
  const kernel = new Submitter(device, driver, driver.portalOffset(0));
  const process = new Submitter(device, driver, driver.portalOffset(1));

  const virtual = new VirtualDsa(device, driver, {
    vectors: 2,
    defaultPasid: DEFAULT_PASID,
    raiseMisc: (handle) => void kernel.submitNoop(handle),
  });
  const eventfds = [device.createEventfd(), device.createEventfd()] as const;
  try {
    virtual.pasids.bind(GUEST_PASID, HOST_PASID);
    startGuest(virtual, eventfds);
    virtual.perm.write(8, 4, (GUEST_PASID << 12) | 8);

    const counts = [0, 0];
    for (const [vector, submitter] of [kernel, process].entries()) {
      const handle = virtual.requestHandle(vector);
      for (let n = 0; n < (WORK[vector] ?? 0); n++) await submitter.submitNoop(handle);
      await turn();
      counts[vector] = readCount(eventfds[vector]);
    }
    const status = await process.submitNoop(virtual.requestHandle(0), DEFAULT_PASID);
    await turn();
    const interrupts = readCount(eventfds[0]) + readCount(eventfds[1]);
    return createReport(virtual, counts, { status, interrupts });
  } finally {
    virtual.close();
    for (const part of [...eventfds, kernel, process]) part.close();
    for (const pasid of [DEFAULT_PASID, HOST_PASID]) device.detachPasid(pasid);
  }
}

/** Acts as the guest's driver: enables MSI-X, connects the eventfds and unmasks the vectors. */
function startGuest({ msix }: VirtualDsa, eventfds: readonly Eventfd[]): void {
  msix.configWrite(2, 2, ENABLE);
  for (const [vector, eventfd] of eventfds.entries()) {
    msix.connect(vector, eventfd);
    msix.tableWrite(16 * vector + 12, 4, 0);
  }
}

function readCount(eventfd: Eventfd | undefined): number {
  return Number(eventfd?.read() ?? 0n);
}

function createReport(
  { source }: VirtualDsa,
  counts: readonly number[],
  forged: { readonly status: number; readonly interrupts: number },
): DemoReport {
  const vectors = counts.map((interrupts, vector) => {
    const slot = source.slotOf(vector);
    const guestPasid = vector === 0 ? NO_PASID : GUEST_PASID;
    const { cookie: hostPasid = null, index = null, handle = null } = slot ?? {};
    return { vector, guestPasid, hostPasid, slot: index, handle, interrupts };
  });
  const refused = forged.status === dsa.DSA_COMP_INT_HANDLE_INVAL && forged.interrupts === 0;
  const arrived = counts.every((count, vector) => count === WORK[vector]);
  return {
    ok: arrived && refused,
    data: { vectors, forged },
    omitDescription: true,
    lines: [
      ...vectors.map(({ vector, guestPasid, hostPasid, slot, handle, interrupts }) => {
        const pasid = guestPasid === NO_PASID ? 'default PASID' : `guest PASID ${guestPasid}`;
        const where = `slot ${slot ?? '-'}, handle 0x${(handle ?? 0).toString(16)}`;
        const text = `${pasid} (host PASID ${hostPasid ?? '-'}), ${where}: ${interrupts} interrupts`;
        return [`vector ${vector}`, text] as const;
      }),
      [
        'forged',
        `handle of vector 0 from the other portal: status 0x${forged.status.toString(16)}, ${forged.interrupts} interrupts`,
      ],
    ],
  };
}
