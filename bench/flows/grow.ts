import {
  type Eventfd,
  type FlowName,
  type IrqSet,
  openDevice,
  PhysicalSource,
  VirtualMsix,
} from 'vfio/mock';
import { observeConnection } from '../../lib/observe/index.js';
import { Bells } from './bells.js';

const NONE = 1;
const ENABLE = 0x8000;
const VECTOR_CONTROL = 12;

/** What it took to unmask vectors one after the other, while those that were unmasked fired. */
export interface Growth {
  readonly flow: FlowName;
  readonly vectors: number;
  /** SET_IRQS calls. */
  readonly calls: number;
  /** Handlers that were freed to grow. */
  readonly torn: number;
  /** By the device; never by loopback, which is refused while MSI-X is disabled. */
  readonly fired: number;
  readonly delivered: number;
  /** Fired and not delivered: the vectors are unmasked, so each interrupt is a delivery. */
  readonly lost: number;
  /** Of the lost ones, those that the device sent by INTx, since MSI-X was disabled. */
  readonly redirected: number;
  /** In the library and the back end, without the interrupts between. */
  readonly milliseconds: number;
}

/** Every vector that is unmasked fires after each SET_IRQS, and after each unmask. */
export async function grow(flow: FlowName, vectors: number): Promise<Growth> {
  using device = await openDevice('mock:bells');
  const bells = new Bells(device);
  const consumers: Eventfd[] = [];
  let calls = 0;
  let torn = 0;
  let bound = 0;
  let fired = 0;
  let firing = 0;
  const fire = () => {
    const start = performance.now();
    for (let vector = 0; vector < consumers.length; vector++) bells.ring(vector);
    fired += consumers.length;
    firing += performance.now() - start;
  };
  const connection = observeConnection(device.connection, ({ method, args }) => {
    if (method !== 'setIrqs') return () => undefined;
    const [{ flags, eventfds = [] }] = args as [IrqSet];
    calls++;
    if ((flags & NONE) !== 0) torn += bound;
    if ((flags & NONE) !== 0) bound = 0;
    bound += eventfds.filter((eventfd) => eventfd !== null).length;
    return fire;
  });
  using physical = new PhysicalSource(connection);
  const msix = new VirtualMsix({
    vectors,
    table: { bar: 0, offset: 0 },
    pba: { bar: 0, offset: 0x8000 },
  });
  msix.attach(physical, { flow });
  msix.on('failed', (_vector, error) => {
    throw error;
  });

  const start = performance.now();
  msix.configWrite(2, 2, ENABLE);
  for (let vector = 0; vector < vectors; vector++) {
    const consumer = device.createEventfd();
    msix.connect(vector, consumer);
    msix.tableWrite(16 * vector + VECTOR_CONTROL, 4, 0);
    consumers.push(consumer);
    fire();
  }
  const milliseconds = performance.now() - start - firing;
  const delivered = consumers.reduce((sum, consumer) => sum + Number(consumer.read()), 0);
  const redirected = bells.byPin;
  return {
    flow,
    vectors,
    calls,
    torn,
    fired,
    delivered,
    lost: fired - delivered,
    redirected,
    milliseconds,
  };
}
