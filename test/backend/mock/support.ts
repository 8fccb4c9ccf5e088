import type { ExecutionContext } from 'ava';
import { VfioError } from '../../../lib/errors.js';
import type { DeviceConnection, IrqSet } from '../../../lib/contract/index.js';
import { MockBackend } from '../../../lib/backend/mock/index.js';
import { ModelRegistry } from '../../../lib/backend/mock/models/registry.js';
import { Faults } from '../../../lib/backend/mock/machine/faults.js';
import { HostInterrupts } from '../../../lib/backend/mock/machine/interrupts.js';
import { defaultLimits } from '../../../lib/backend/mock/machine/limits.js';
import { edu } from '../../../lib/backend/mock/models/edu.js';
import { nvme } from '../../../lib/backend/mock/models/nvme/index.js';
import { profileOf, type ProfileOptions } from '../../../lib/backend/mock/machine/profile.js';
import { Slot } from '../../../lib/backend/mock/slot.js';
import { Work } from '../../../lib/backend/mock/machine/work.js';
import type {
  CapabilityShape,
  DeviceHost,
  DeviceModel,
  FunctionShape,
  Register,
} from '../../../lib/backend/mock/hardware/model.js';
import {
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_CONFIG_REGION_INDEX,
} from '../../../lib/contract/uapi.js';

export const CONFIG = VFIO_PCI_CONFIG_REGION_INDEX;
const TRIGGER_EVENTFD = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
const TRIGGER_NONE = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE;

/** Opens a device in a new mock back end. The device is closed when the test ends. */
export function open(t: ExecutionContext, name: string): DeviceConnection {
  return closing(t, new MockBackend(new ModelRegistry([edu, nvme])).openSync(name, {}));
}

export function closing(t: ExecutionContext, device: DeviceConnection): DeviceConnection {
  t.teardown(() => {
    device.close();
  });
  return device;
}

/** Expects that a call throws a VfioError with the given code. */
export function fails(t: ExecutionContext, code: string, run: () => unknown): void {
  t.throws(run, { instanceOf: VfioError, code });
}

/** Binds eventfds to consecutive vectors with SET_IRQS. The first vector is `start`. */
export function bind(
  device: DeviceConnection,
  index: number,
  start: number,
  eventfds: IrqSet['eventfds'],
): number {
  const count = eventfds?.length ?? 0;
  return device.setIrqs({ index, flags: TRIGGER_EVENTFD, start, count, eventfds: eventfds ?? [] });
}

/** Triggers vectors by a SET_IRQS call without data (loopback). A count of 0 disables the index. */
export function trigger(device: DeviceConnection, index: number, start: number, count: number) {
  return device.setIrqs({ index, flags: TRIGGER_NONE, start, count });
}

/** Waits for one turn of the event loop. Callbacks of earlier calls of `setImmediate` run first. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Creates a model with the given capabilities. By default, a write to the register at offset 0
 * raises the interrupt of a vector.
 */
export function plainModel(
  capabilities: readonly CapabilityShape[],
  registers: (host: DeviceHost) => readonly Register[] = signalling,
  shape: Partial<FunctionShape> = {},
): DeviceModel {
  return {
    name: 'plain',
    shape: {
      vendorId: 0x1234,
      deviceId: 0x5678,
      subsystemVendorId: 0,
      subsystemId: 0,
      classCode: 0xff0000,
      revision: 0,
      interruptPin: 1,
      bars: [{ index: 0, size: 0x2000, bits: 32 }],
      capabilities,
      ...shape,
    },
    create: (host) => ({
      registers: { 0: registers(host) },
      reset: () => undefined,
    }),
  };
}

function signalling(host: DeviceHost): readonly Register[] {
  return [
    {
      offset: 0,
      width: 4,
      name: 'signal',
      write: (vector) => {
        host.signal(vector);
      },
    },
    {
      offset: 4,
      width: 4,
      name: 'pin',
      write: (level) => {
        host.setPin(level !== 0);
      },
    },
  ];
}

export function connect(
  t: ExecutionContext,
  model: DeviceModel,
  interrupts = new HostInterrupts(),
  options: ProfileOptions = {},
): DeviceConnection {
  const profile = profileOf(options);
  const machine = { work: new Work(), interrupts, limits: defaultLimits(), faults: new Faults() };
  const name = 'mock:plain';
  const onUnused = () => undefined;
  const slot = new Slot([name], { group: 0, model, profile, machine, sriov: null, onUnused });
  return closing(t, slot.at(0).open(name, slot.via, null));
}

export function enableBusMaster(device: DeviceConnection): void {
  device.store(CONFIG, 4, 2, device.load(CONFIG, 4, 2) | 4);
}
