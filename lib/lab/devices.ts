/** A PCI device of the guest, described for QEMU. */
export interface LabDevice {
  /** Suffix of the environment variable for the device's address: `VFIO_LAB_<name>`. */
  readonly name: string;
  /** Argument of QEMU's `-device`, without the property `bus`. */
  readonly device: string;
  /** Whether the device needs a scratch disk. */
  readonly disk: boolean;
}

interface Model {
  driver: string;
  properties: readonly string[];
  /**
   * Prefix of the devices' serial numbers. Undefined if devices of this model can have the same
   * serial number.
   */
  serial?: string;
  disk?: true;
}

/** Maps each short name to QEMU's driver and its default properties. */
const MODELS: Readonly<Record<string, Model>> = {
  nvme: { driver: 'nvme', properties: [], serial: 'vfio-lab', disk: true },
  // By default, the edu device can only address the first 256 MiB by DMA. MSI addresses and most
  // memory are above 256 MiB.
  edu: { driver: 'edu', properties: ['dma_mask=0xffffffff'] },
  e1000e: { driver: 'e1000e', properties: [] },
  testdev: { driver: 'pci-testdev', properties: [] },
  // Without iommu_platform, the DMA of a virtio device goes past the IOMMU.
  'virtio-blk': {
    driver: 'virtio-blk-pci',
    properties: ['disable-legacy=on', 'iommu_platform=on'],
    disk: true,
  },
};

/** The default devices of a guest. */
export const DEFAULT_DEVICES: readonly string[] = ['nvme', 'edu', 'e1000e', 'testdev'];

/**
 * PCI device number of the first root port. The number of the last root port must be below 0x1f,
 * because the LPC bridge has the number 0x1f.
 */
const FIRST_PORT = 0x10;
const MAX_DEVICES = 0x1f - FIRST_PORT;

/** @throws RangeError for more devices than root ports */
export function checkDeviceCount(count: number): void {
  if (count > MAX_DEVICES) {
    throw new RangeError(`${count} devices exceed the ${MAX_DEVICES} slots of the guest`);
  }
}

/** Returns the PCI device number of a device's root port. */
export function portOf(index: number): string {
  return (FIRST_PORT + index).toString(16);
}

const keyOf = (property: string): string => property.split('=', 1)[0] ?? '';

function parse(spec: string, index: number): Omit<LabDevice, 'name'> & { label: string } {
  const [word = '', ...given] = spec.split(',');
  if (!/^[A-Za-z][\w.-]*$/.test(word)) {
    throw new TypeError(`device '${spec}' is neither a short name nor a QEMU -device string`);
  }
  const keys = new Set(given.map(keyOf));
  for (const key of ['bus', 'addr']) {
    if (keys.has(key))
      throw new TypeError(
        `device '${spec}': remove the property ${key}, because the lab sets this property`,
      );
  }
  const [label, model] = Object.entries(MODELS).find(
    ([name, { driver }]) => name === word || driver === word,
  ) ?? [word, { driver: word, properties: [] }];
  // If two controllers have the same serial number, Linux rejects the second controller.
  const serial = model.serial === undefined ? [] : [`serial=${model.serial}-${index}`];
  const defaults = [...model.properties, ...serial].filter(
    (property) => !keys.has(keyOf(property)),
  );
  return {
    label,
    device: [model.driver, ...defaults, ...given].join(','),
    disk: model.disk === true && !keys.has('drive'),
  };
}

/**
 * Parses device specifications. A specification is a string for QEMU's `-device`, or a short name
 * (`nvme`, `edu`, `e1000e`, `testdev`, `virtio-blk`) with optional properties. The second device of
 * the same kind is named `<NAME>_2`, the third `<NAME>_3`.
 *
 * @throws TypeError for a malformed specification
 */
export function parseDevices(specs: readonly string[]): LabDevice[] {
  const seen = new Map<string, number>();
  return specs.map((spec, index) => {
    const { label, ...device } = parse(spec, index);
    const base = label.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    return { name: count === 1 ? base : `${base}_${count}`, ...device };
  });
}
