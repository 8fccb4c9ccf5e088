import { PhysicalSource, type PciDevice, VirtualMsix } from 'vfio';
import { VFIO_PCI_MSIX_IRQ_INDEX } from '../../lib/contract/uapi.js';

const VECTOR_CONTROL = 12;
const ENABLE = 0x8000;
const BIND = 0x24;
const DISABLE = 0x21;
const ROUNDS = 300;

/** Time to rebind a vector from one eventfd to another. All times are medians in microseconds. */
export interface Swap {
  readonly kernel: string;
  /** Time of a single SET_IRQS call, which can lose an interrupt that has not reached a CPU yet. */
  readonly setIrqs: number;
  /** Time to mask or unmask a vector in the virtual table. No interrupt is lost. */
  readonly swap: number;
  /** Time of the wait until the CPU has handled its pending interrupts; a part of `swap`. */
  readonly synchronize: number;
}

/** Rebinds vector 1 of a device between two eventfds. No vector fires during the measurement. */
export function measureSwap(device: PciDevice): Swap {
  const { connection } = device;
  const index = VFIO_PCI_MSIX_IRQ_INDEX;
  const eventfds = [device.createEventfd(), device.createEventfd()] as const;
  const bind = (round: number) => {
    const eventfd = eventfds[round & 1] ?? null;
    connection.setIrqs({ index, flags: BIND, start: 1, count: 1, eventfds: [eventfd] });
  };
  connection.setIrqs({ index, flags: BIND, start: 0, count: 2, eventfds: [null, eventfds[1]] });
  const setIrqs = median(bind);
  const synchronize = median(() => {
    connection.synchronizeIrqs(index, [1]);
  });
  connection.setIrqs({ index, flags: DISABLE, start: 0, count: 0 });

  using physical = new PhysicalSource(connection);
  const msix = new VirtualMsix({
    vectors: 2,
    table: { bar: 0, offset: 0 },
    pba: { bar: 1, offset: 0 },
  });
  msix.attach(physical);
  msix.configWrite(2, 2, ENABLE);
  msix.connect(1, eventfds[0]);
  const mask = (round: number) => {
    msix.tableWrite(16 + VECTOR_CONTROL, 4, round & 1);
  };
  mask(0);
  const swap = median((round) => {
    mask(round + 1);
  });
  physical.close();
  for (const eventfd of eventfds) eventfd.close();
  return { kernel: connection.kernel, setIrqs, swap, synchronize };
}

function median(run: (round: number) => void): number {
  const times = Array.from({ length: ROUNDS }, (_, round) => {
    const start = performance.now();
    run(round);
    return (performance.now() - start) * 1000;
  });
  times.sort((a, b) => a - b);
  return times[ROUNDS / 2] ?? NaN;
}
