import type { FlowName } from 'vfio';
import { type Growth, grow } from './grow.js';
import { NvmeFiringDevice } from './nvme-firing-device.js';
import { measureSwap, type Swap } from './swap.js';

/** The result of {@link grow} on a real device. */
export interface NvmeGrowth extends Growth {
  readonly kernel: string;
  readonly noresize: boolean;
}

/** The measurements of one controller. */
export interface NvmeReport {
  readonly growths: readonly NvmeGrowth[];
  readonly swap: Swap;
}

/**
 * Maximum number of vectors of a controller on which all unmasked vectors fire after each
 * operation. On a controller with more vectors, only {@link FEW} vectors fire after each operation,
 * and `incremental` is not measured, because its time grows quadratically.
 */
const ALL_FIRE = 128;
const FEW = 4;

/**
 * Measures the unmask methods that the kernel supports. Each measurement unmasks all vectors of the
 * controller.
 */
export async function measureNvme(name: string, flows: readonly FlowName[]): Promise<NvmeReport> {
  using firing = await NvmeFiringDevice.open(name);
  const { vectors, device, growable } = firing;
  const { kernel } = device.connection;
  const many = vectors > ALL_FIRE;
  const growths = flows
    .filter((flow) => (flow !== 'dynamic' || growable) && (flow !== 'incremental' || !many))
    .map((flow) => {
      const growth = grow(firing, { flow, vectors, maxFiring: many ? FEW : vectors });
      console.error(`# ${vectors} vectors, ${flow}: ${Math.round(growth.milliseconds)} ms`);
      return { kernel, noresize: !growable, ...growth };
    });
  return { growths, swap: measureSwap(device) };
}
