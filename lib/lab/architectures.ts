import type { Tool } from './tools.js';

/** What differs between guests of different architectures. */
export interface Architecture {
  /** Name of the architecture in Debian's archive. */
  readonly debian: 'amd64' | 'arm64';
  readonly qemu: Tool & `qemu-${string}`;
  /** QEMU's machine, and the properties of the machine. */
  readonly machine: string;
  readonly cpu: string;
  /** Properties of the root ports. */
  readonly rootPort: string;
  /** QEMU's arguments for an IOMMU that is a device. */
  readonly iommu: readonly string[];
  /**
   * Whether the IOMMU reports the mappings of the guest, which the server of a served device needs.
   */
  readonly reportsMappings: boolean;
  /** Parameters of the guest's kernel. One of them is the serial port for the kernel's messages. */
  readonly parameters: readonly string[];
}

/** The architectures of guests, by the names of Node.js. */
export const ARCHITECTURES = {
  x64: {
    debian: 'amd64',
    qemu: 'qemu-system-x86_64',
    machine: 'q35,kernel-irqchip=split',
    cpu: 'max,la57=off',
    rootPort: '',
    iommu: ['-device', 'intel-iommu,intremap=on,caching-mode=on,aw-bits=48'],
    reportsMappings: true,
    parameters: [
      'console=ttyS0',
      'intel_iommu=on',
      'iommu=nopt',
      // Emulation is slow, so the guest skips the calibration of the TSC.
      'tsc=reliable',
      // At boot, the kernel measures the frequency of the TSC. On a loaded host, the measured
      // frequency is wrong. The frequency of the HPET is exact.
      'clocksource=hpet',
      'no_timer_check',
    ],
  },
  arm64: {
    debian: 'arm64',
    qemu: 'qemu-system-aarch64',
    // The GIC of this machine has an ITS, which remaps interrupt messages.
    machine: 'virt,gic-version=3,iommu=smmuv3',
    // This CPU has no SVE, and the kernel turns on KPTI for it. On other CPUs, QEMU executes stale code
    // of V8 for two reasons. A store of SVE, as in memcpy, does not invalidate the translations of all
    // bytes that it writes. With pages of 16 KiB, the invalidation of a page forgets the jumps into its
    // first 4 KiB only; with KPTI, the kernel makes QEMU forget all jumps.
    cpu: 'neoverse-n1',
    // With hot-plug, the kernel waits two seconds for a port whenever it resets the bus behind the port.
    rootPort: ',hotplug=off',
    iommu: [],
    reportsMappings: false,
    parameters: ['console=ttyAMA0', 'iommu.passthrough=0'],
  },
} as const satisfies Readonly<Record<string, Architecture>>;

/** An architecture of a guest, by the name of Node.js. */
export type Arch = keyof typeof ARCHITECTURES;

/** Names of all architectures, the default first. */
export const ARCHES = Object.keys(ARCHITECTURES) as readonly Arch[];
