import { setImmediate as turn } from 'node:timers/promises';
import { type Eventfd, PasidMap, type PciDevice, VfioError } from '../../index.js';
import type { DemoReport } from '../report.js';
import { DsaHost } from './host.js';
import { GuestInterrupts } from './interrupts.js';
import { Submitter } from './portal.js';
import * as dsa from './registers.js';

const DEFAULT_PASID = 1;
/** PASID of work that has no PASID of the guest (`IOMMU_NO_PASID`). */
const NO_PASID = 0;
/** PASID of a guest process that shares its address space with the device. */
const GUEST_PASID = 5;
const HOST_PASID = 0x105;
const ENABLE = 0x8000;
const VECTORS = [
  { vector: 1, guestPasid: NO_PASID, work: 1 },
  { vector: 2, guestPasid: GUEST_PASID, work: 3 },
] as const;

/**
 * Emulates two vectors of a virtual DSA. Each vector uses a slot of the device's message store.
 * Vector 1 belongs to the guest's kernel, and vector 2 belongs to a process. After vector 2 was
 * allocated, the demo writes the PASID of the process to `MSIX_PERM`. Then the process submits work
 * with the handle of vector 1, and the device refuses that work. Vector 0 is the misc interrupt of
 * the virtual DSA and uses no slot.
 */
export async function dsaDemo(device: PciDevice): Promise<DemoReport> {
  if (device.via === 'vfio-user') {
    throw new VfioError({
      code: 'ENOTSUP',
      message: 'the demo of a DSA attaches PASIDs, and the protocol vfio-user has no such command',
      path: device.name,
      hint: 'Try mock:dsa without a server, or examples/virtual-dsa.ts with a guest.',
    });
  }
  if (!device.name.startsWith('mock:')) {
    throw new VfioError({
      code: 'ENOTSUP',
      message: 'JavaScript cannot execute MOVDIR64B or ENQCMD, which submit work to a real DSA',
      path: device.name,
      hint: 'Try mock:dsa.',
    });
  }
  for (const pasid of [DEFAULT_PASID, HOST_PASID]) device.attachPasid(pasid);
  const host = new DsaHost(device);
  const { driver } = host;
  driver.enableQueue(0, { dedicatedTo: DEFAULT_PASID });
  driver.enableQueue(1, 'shared');
  driver.assignPasid(0, HOST_PASID);
  const kernel = new Submitter(device, driver, driver.portalOffset(0));
  const process = new Submitter(device, driver, driver.portalOffset(1));

  const pasids = new PasidMap(DEFAULT_PASID);
  const guest = new GuestInterrupts(host, { vectors: 1 + VECTORS.length, pasids });
  const eventfds = VECTORS.map(() => device.createEventfd());
  try {
    pasids.bind(GUEST_PASID, HOST_PASID);
    startGuest(guest, eventfds);
    guest.perm.write(2 * 8, 4, (GUEST_PASID << 12) | 8);

    const counts: number[] = [];
    for (const [i, { vector, work }] of VECTORS.entries()) {
      const handle = guest.requestHandle(vector);
      const submitter = i === 0 ? kernel : process;
      for (let n = 0; n < work; n++) await submitter.submitNoop(handle);
      await turn();
      counts.push(readCount(eventfds[i]));
    }
    const status = await process.submitNoop(guest.requestHandle(1), DEFAULT_PASID);
    await turn();
    const interrupts = readCount(eventfds[0]) + readCount(eventfds[1]);
    return createReport(guest, counts, { status, interrupts });
  } finally {
    guest.close();
    host.close();
    for (const part of [...eventfds, kernel, process]) part.close();
    for (const pasid of [DEFAULT_PASID, HOST_PASID]) device.detachPasid(pasid);
  }
}

/** Acts as the guest's driver: enables MSI-X, connects the eventfds and unmasks the vectors. */
function startGuest({ msix }: GuestInterrupts, eventfds: readonly Eventfd[]): void {
  msix.configWrite(2, 2, ENABLE);
  for (const [i, eventfd] of eventfds.entries()) {
    const vector = i + 1;
    msix.connect(vector, eventfd);
    msix.tableWrite(16 * vector + 12, 4, 0);
  }
}

function readCount(eventfd: Eventfd | undefined): number {
  return Number(eventfd?.read() ?? 0n);
}

function createReport(
  guest: GuestInterrupts,
  counts: readonly number[],
  forged: { readonly status: number; readonly interrupts: number },
): DemoReport {
  const vectors = VECTORS.map(({ vector, guestPasid }, i) => {
    const slot = guest.slotOf(vector);
    const interrupts = counts[i] ?? 0;
    const { cookie: hostPasid = null, index = null, handle = null } = slot ?? {};
    return { vector, guestPasid, hostPasid, slot: index, handle, interrupts };
  });
  const refused = forged.status === dsa.DSA_COMP_INT_HANDLE_INVAL && forged.interrupts === 0;
  const arrived = VECTORS.every(({ work }, i) => counts[i] === work);
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
        `handle of vector 1 from the other portal: status 0x${forged.status.toString(16)}, ${forged.interrupts} interrupts`,
      ],
    ],
  };
}
