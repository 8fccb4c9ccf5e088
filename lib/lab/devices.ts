/** A PCI device of the guest, ready for QEMU. */
export interface LabDevice {
  /** Suffix of the variable `VFIO_LAB_<name>` that contains the device's address. */
  readonly name: string;
  /** Text for QEMU's `-device`, without the bus. */
  readonly device: string;
  /** Whether the device needs a scratch disk. */
  readonly disk: boolean;
}

interface Model {
  driver: string;
  properties: readonly string[];
  /** A prefix for serial numbers, if the driver needs a different number for each device. */
  serial?: string;
  disk?: true;
}

/** Devices with a short name: QEMU's driver, and properties for the lab. */
const MODELS: Readonly<Record<string, Model>> = {
  nvme: { driver: 'nvme', properties: [], serial: 'vfio-lab', disk: true },
  // By default, edu's DMA reaches 256 MB; MSI addresses and most memory are above.
  edu: { driver: 'edu', properties: ['dma_mask=0xffffffff'] },
  e1000e: { driver: 'e1000e', properties: [] },
  testdev: { driver: 'pci-testdev', properties: [] },
};

/** The devices of a guest by default. */
export const DEFAULT_DEVICES: readonly string[] = Object.keys(MODELS);

/** PCI device number of the first root port; the LPC bridge at 0x1f is behind the last one. */
const FIRST_PORT = 0x10;
const MAX_DEVICES = 0x1f - FIRST_PORT;

/** Returns the PCI device number of the root port above a device. */
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
      throw new TypeError(`device '${spec}': the lab sets ${key}, remove the property`);
  }
  const [label, model] = Object.entries(MODELS).find(
    ([name, { driver }]) => name === word || driver === word,
  ) ?? [word, { driver: word, properties: [] }];
  // Linux rejects the second of two controllers with the same serial number.
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
 * Parses device specifications: a short name (`nvme`, `edu`, `e1000e`, `testdev`), or a string for
 * QEMU's `-device`. Properties may follow a short name. The second device of a kind is named
 * `<NAME>_2`, and so on.
 *
 * @throws TypeError for a malformed specification; RangeError for more than {@link MAX_DEVICES}
 */
export function parseDevices(specs: readonly string[]): LabDevice[] {
  if (specs.length > MAX_DEVICES) {
    throw new RangeError(`${specs.length} devices: the guest has ${MAX_DEVICES} slots`);
  }
  const seen = new Map<string, number>();
  return specs.map((spec, index) => {
    const { label, ...device } = parse(spec, index);
    const base = label.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    return { name: count === 1 ? base : `${base}_${count}`, ...device };
  });
}
