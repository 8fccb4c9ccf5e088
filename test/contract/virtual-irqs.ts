import test from 'ava';
import {
  type DeviceConnection,
  type Eventfd,
  type IrqSet,
  openConnection,
  SoftwareSource,
  VfioError,
  VirtualIntx,
  VirtualIrqs,
  VirtualMsi,
  VirtualMsix,
} from 'vfio';
import { EDU, NVME } from './targets.js';

const INTX = 0;
const MSI = 1;
const MSIX = 2;
const REQ = 4;
const NONE = 1;
const BOOL = 2;
const EVENTFD = 4;
const MASK = 8;
const UNMASK = 16;
const TRIGGER = 32;

/** The index, the flags, the first vector and the number of vectors of a SET_IRQS request. */
type Ask = readonly [index: number, flags: number, start: number, count: number];

/**
 * Requests that all kernels answer in the same way. Each request depends on the requests before.
 * @param messages - MSI or MSI-X
 */
function requests(messages: typeof MSI | typeof MSIX): readonly Ask[] {
  return [
    [5, NONE | TRIGGER, 0, 1],
    [messages, TRIGGER, 0, 1],
    [messages, NONE | BOOL | TRIGGER, 0, 1],
    [messages, NONE, 0, 1],
    [messages, NONE | MASK | TRIGGER, 0, 1],
    [messages, NONE | MASK, 0, 1],
    [messages, NONE | TRIGGER, 0, 0],
    [messages, NONE | TRIGGER, 0, 1],
    [messages, NONE | TRIGGER, 4096, 0],
    [messages, EVENTFD | TRIGGER, 0, 0],
    [messages, EVENTFD | TRIGGER, 0, 4096],
    [INTX, NONE | MASK, 0, 1],
    [INTX, NONE | UNMASK, 0, 1],
    [INTX, NONE | TRIGGER, 0, 0],
    [INTX, NONE | TRIGGER, 0, 1],
    [INTX, EVENTFD | TRIGGER, 0, 0],
    [INTX, EVENTFD | TRIGGER, 0, 1],
    [messages, EVENTFD | TRIGGER, 0, 1],
    [INTX, EVENTFD | MASK, 0, 1],
    [INTX, NONE | MASK, 0, 1],
    [INTX, NONE | TRIGGER, 0, 1],
    [INTX, BOOL | TRIGGER, 0, 1],
    [INTX, NONE | UNMASK, 0, 1],
    [INTX, NONE | TRIGGER, 0, 0],
    [INTX, NONE | TRIGGER, 0, 0],
    [messages, EVENTFD | TRIGGER, 0, 1],
    [INTX, EVENTFD | TRIGGER, 0, 1],
    [INTX, NONE | TRIGGER, 0, 0],
    [messages, NONE | TRIGGER, 0, 1],
    [messages, BOOL | TRIGGER, 0, 1],
    [messages, NONE | TRIGGER, 0, 0],
    [messages, NONE | TRIGGER, 0, 0],
    [REQ, NONE | TRIGGER, 0, 0],
    [REQ, NONE | TRIGGER, 0, 1],
    [REQ, BOOL | TRIGGER, 0, 0],
    [REQ, BOOL | TRIGGER, 0, 1],
    [REQ, EVENTFD | TRIGGER, 0, 0],
    [REQ, NONE | MASK, 0, 1],
    [REQ, EVENTFD | TRIGGER, 0, 1],
    [REQ, NONE | TRIGGER, 0, 1],
    [REQ, NONE | TRIGGER, 0, 0],
    [REQ, NONE | TRIGGER, 0, 0],
  ];
}

/** Performs a request. Returns the result or the code of the error, and the signals. */
function answer(
  device: { setIrqs(set: IrqSet): number },
  [index, flags, start, count]: Ask,
  eventfd: Eventfd,
): string {
  let result: string;
  try {
    const data =
      (flags & EVENTFD) !== 0 ? { eventfds: new Array<Eventfd>(count).fill(eventfd) } : {};
    const bools = (flags & BOOL) !== 0 ? { bools: new Array<number>(count).fill(1) } : {};
    result = `${device.setIrqs({ index, flags, start, count, ...data, ...bools })}`;
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    result = error.code;
  }
  return `${result}, ${eventfd.read()} signals`;
}

function virtual(connection: DeviceConnection): VirtualIrqs {
  const intx = new VirtualIntx(connection);
  const { count: msi } = connection.getIrqInfo(MSI);
  const { count: msix } = connection.getIrqInfo(MSIX);
  const tables = {
    ...(msi > 0 && { msi: new VirtualMsi({ vectors: msi }) }),
    ...(msix > 0 && {
      msix: new VirtualMsix({
        vectors: msix,
        table: { bar: 0, offset: 0 },
        pba: { bar: 1, offset: 0 },
      }),
    }),
  };
  for (const table of Object.values(tables)) {
    new SoftwareSource(table).emulate(0, table.vectors);
  }
  return new VirtualIrqs({ intx, ...tables });
}

for (const [device, messages] of [
  [EDU, MSI],
  [NVME, MSIX],
] as const) {
  const name = messages === MSI ? 'MSI' : 'MSI-X';
  test.serial(`VirtualIrqs answers SET_IRQS like a device with INTx and ${name}`, async (t) => {
    const connection = await openConnection(device);
    try {
      const irqs = virtual(connection);
      for (const index of [INTX, MSI, REQ]) {
        t.deepEqual(irqs.getIrqInfo(index), connection.getIrqInfo(index));
      }
      t.is(irqs.getIrqInfo(MSIX).count, connection.getIrqInfo(MSIX).count);
      const [ours, theirs] = [connection.createEventfd(), connection.createEventfd()];
      for (const ask of requests(messages)) {
        const expected = answer(connection, ask, theirs);
        t.is(answer(irqs, ask, ours), expected, JSON.stringify(ask));
      }
    } finally {
      connection.close();
    }
  });
}
