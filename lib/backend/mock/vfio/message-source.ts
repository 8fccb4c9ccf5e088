import type { HardwareFunction } from '../hardware/function.js';
import type { MsixTable } from '../hardware/msix.js';
import type { Message } from '../host/interrupts.js';
import * as pci from '../pci.js';

/** How the host makes a function send messages. */
export interface MessageSource {
  /** Vectors that can be had. */
  readonly vectors: number;
  /** Whether vectors can be added while it is enabled. */
  readonly growable: boolean;
  /** Whether a vector without handler can be held back. */
  readonly maskable: boolean;
  /** Whether the function is in a state to be programmed. */
  readonly powered: boolean;
  program(vector: number, message: Message): void;
  setMask(vector: number, masked: boolean): void;
  enable(vectors: number): void;
  disable(): void;
}

/** The pin is off while messages are on. */
function disablePin(hardware: HardwareFunction, disabled: boolean): void {
  hardware.updateConfig(pci.PCI_COMMAND, pci.PCI_COMMAND_INTX_DISABLE, disabled);
}

export function msiSource(hardware: HardwareFunction, offset: number): MessageSource {
  const { config } = hardware;
  const control = offset + pci.PCI_MSI_FLAGS;
  return {
    vectors: 1 << ((config.get(control, 2) & pci.PCI_MSI_FLAGS_QMASK) >> 1),
    growable: false,
    maskable: false,
    get powered() {
      return hardware.powerState === 0;
    },
    // The vectors are the low bits of the data: the first message stands for all.
    program: (vector, { address, data }) => {
      if (vector !== 0) return;
      hardware.writeConfig(offset + pci.PCI_MSI_ADDRESS_LO, 4, Number(address & 0xffff_ffffn));
      hardware.writeConfig(offset + pci.PCI_MSI_ADDRESS_HI, 4, Number(address >> 32n));
      hardware.writeConfig(offset + pci.PCI_MSI_DATA_64, 2, data);
    },
    setMask: () => undefined,
    enable: (vectors) => {
      disablePin(hardware, true);
      const rest = config.get(control, 2) & ~pci.PCI_MSI_FLAGS_QSIZE;
      const size = Math.ceil(Math.log2(vectors)) << 4;
      hardware.writeConfig(control, 2, rest | size | pci.PCI_MSI_FLAGS_ENABLE);
    },
    disable: () => {
      hardware.updateConfig(control, pci.PCI_MSI_FLAGS_ENABLE, false);
      disablePin(hardware, false);
    },
  };
}

export function msixSource(
  hardware: HardwareFunction,
  offset: number,
  table: MsixTable,
  growable: boolean,
): MessageSource {
  const control = offset + pci.PCI_MSIX_FLAGS;
  return {
    vectors: table.vectors,
    growable,
    maskable: true,
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
      hardware.updateConfig(control, pci.PCI_MSIX_FLAGS_MASKALL, false);
      hardware.updateConfig(control, pci.PCI_MSIX_FLAGS_ENABLE, true);
    },
    disable: () => {
      hardware.updateConfig(control, pci.PCI_MSIX_FLAGS_ENABLE, false);
      disablePin(hardware, false);
    },
  };
}
