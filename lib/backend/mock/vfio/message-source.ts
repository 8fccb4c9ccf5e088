import type { HardwareFunction } from '../hardware/function.js';
import type { Msi } from '../hardware/msi.js';
import type { Msix } from '../hardware/msix.js';
import type { Message } from '../../../contract/message.js';
import type { SourceRegisters } from '../hardware/model.js';
import * as pci from '../hardware/pci.js';

/** The host's access to the registers that contain a function's interrupt messages. */
export interface MessageSource {
  /** Number of vectors. */
  readonly vectors: number;
  /** Whether the host can add vectors while messages are enabled. */
  readonly growable: boolean;
  /** Whether the host can mask a vector. */
  readonly maskable: boolean;
  /**
   * Whether the PCI core checks the number of vectors before the power state
   * (__pci_enable_msix_range()). For MSI, the PCI core checks the power state first
   * (__pci_enable_msi_range()).
   */
  readonly countFirst: boolean;
  /** Whether the function is in D0. The registers are writable only in D0. */
  readonly powered: boolean;
  /** Writes the message of a vector. */
  program(vector: number, message: Message): void;
  setMask(vector: number, masked: boolean): void;
  /** Masks all vectors and enables messages. @param vectors - number of vectors */
  enable(vectors: number): void;
  /** Writes the message control register again, as the PCI core does after a reset. */
  resume(vectors: number): void;
  disable(): void;
}

/** Disables or enables the INTx pin. The pin is disabled while messages are enabled. */
function disablePin(hardware: HardwareFunction, disabled: boolean): void {
  hardware.updateConfig(pci.PCI_COMMAND, pci.PCI_COMMAND_INTX_DISABLE, disabled);
}

/** Creates the message source of MSI. */
export function msiSource(hardware: HardwareFunction, msi: Msi): MessageSource {
  const { config } = hardware;
  const control = msi.offset + pci.PCI_MSI_FLAGS;
  const setMask = (bits: number, masked: boolean) => {
    if (!msi.maskable) return;
    const mask = config.get(msi.maskRegister, 4);
    hardware.writeConfig(msi.maskRegister, 4, masked ? mask | bits : mask & ~bits);
  };
  const resume = (vectors: number) => {
    const rest = config.get(control, 2) & ~pci.PCI_MSI_FLAGS_QSIZE;
    const size = Math.ceil(Math.log2(vectors)) << 4;
    hardware.writeConfig(control, 2, rest | size | pci.PCI_MSI_FLAGS_ENABLE);
  };
  return {
    vectors: msi.vectors,
    growable: false,
    maskable: msi.maskable,
    countFirst: false,
    get powered() {
      return hardware.powerState === 0;
    },
    // All MSI vectors use the message of vector 0. The function puts the vector number into the low
    // data bits.
    program: (vector, { address, data }) => {
      if (vector !== 0) return;
      const registers = msi.registers;
      hardware.writeConfig(registers.low, 4, Number(address & 0xffff_ffffn));
      if (registers.high !== null) hardware.writeConfig(registers.high, 4, Number(address >> 32n));
      hardware.writeConfig(registers.data, 2, data);
    },
    setMask: (vector, masked) => {
      setMask(1 << vector, masked);
    },
    enable: (vectors) => {
      disablePin(hardware, true);
      setMask(~0, true);
      resume(vectors);
    },
    resume,
    disable: () => {
      hardware.updateConfig(control, pci.PCI_MSI_FLAGS_ENABLE, false);
      // The kernel unmasks all vectors, as after a reset.
      setMask(~0, false);
      disablePin(hardware, false);
    },
  };
}

/** Creates the message source of MSI-X. @param offset - offset of the MSI-X capability */
export function msixSource(
  hardware: HardwareFunction,
  offset: number,
  table: Msix,
  growable: boolean,
): MessageSource {
  const control = offset + pci.PCI_MSIX_FLAGS;
  const resume = () => {
    hardware.updateConfig(control, pci.PCI_MSIX_FLAGS_MASKALL, false);
    hardware.updateConfig(control, pci.PCI_MSIX_FLAGS_ENABLE, true);
  };
  return {
    vectors: table.vectors,
    growable,
    maskable: true,
    countFirst: true,
    get powered() {
      return hardware.powerState === 0;
    },
    program: (vector, message) => {
      table.program(vector, message);
    },
    setMask: (vector, masked) => {
      table.setMask(vector, masked);
    },
    enable: () => {
      disablePin(hardware, true);
      for (let vector = 0; vector < table.vectors; vector++) table.setMask(vector, true);
      resume();
    },
    resume,
    disable: () => {
      hardware.updateConfig(control, pci.PCI_MSIX_FLAGS_ENABLE, false);
      disablePin(hardware, false);
    },
  };
}

/**
 * Creates the message source of private interrupt sources. Only a variant driver knows the
 * registers of these sources.
 */
export function privateSource(
  hardware: HardwareFunction,
  { bar, offset, entries, stride, addressLow, addressHigh, data, mask }: SourceRegisters,
): MessageSource {
  const write = (source: number, at: number, value: number) => {
    hardware.writeBar(bar, offset + source * stride + at, 4, value);
  };
  const setMask = (source: number, masked: boolean) => {
    const control = hardware.readBar(bar, offset + source * stride + mask.offset, 4);
    write(source, mask.offset, ((control & ~mask.bits) | (masked ? mask.bits : 0)) >>> 0);
  };
  const maskAll = () => {
    for (let source = 0; source < entries; source++) setMask(source, true);
  };
  return {
    vectors: entries,
    growable: true,
    maskable: true,
    countFirst: true,
    get powered() {
      return hardware.powerState === 0;
    },
    program: (source, message) => {
      write(source, addressLow, Number(message.address & 0xffff_ffffn));
      write(source, addressHigh, Number(message.address >> 32n));
      write(source, data, message.data);
    },
    setMask,
    enable: maskAll,
    // Private sources have no control register. After a reset, `restore()` writes the messages of
    // private sources again.
    resume: () => undefined,
    disable: maskAll,
  };
}
