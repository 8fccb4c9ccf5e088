import type { FlowName } from 'vfio';
import { type Growth, grow } from './grow.js';
import { NvmeBells } from './nvme-bells.js';
import { measureSwap, type Swap } from './swap.js';

/** A growth on a real device. */
export interface NvmeGrowth extends Growth {
  readonly kernel: string;
  readonly noresize: boolean;
}

/** What is measured with one controller. */
export interface NvmeReport {
  readonly growths: readonly NvmeGrowth[];
  readonly swap: Swap;
}

/** Beyond, a few fire at a time, and `incremental` is left out: both go by the square. */
const ALL_FIRE = 128;
const FEW = 4;

/** Grows to all vectors of a controller, by each of these flows that it allows. */
export async function measureNvme(name: string, flows: readonly FlowName[]): Promise<NvmeReport> {
  using bells = await NvmeBells.open(name);
  const { vectors, device, growable } = bells;
  const { kernel } = device.connection;
  const many = vectors > ALL_FIRE;
  const growths = flows
    .filter((flow) => (flow !== 'dynamic' || growable) && (flow !== 'incremental' || !many))
    .map((flow) => {
      const growth = grow(bells, { flow, vectors, most: many ? FEW : vectors });
      console.error(`# ${vectors} vectors, ${flow}: ${Math.round(growth.milliseconds)} ms`);
      return { kernel, noresize: !growable, ...growth };
    });
  return { growths, swap: measureSwap(device) };
}
