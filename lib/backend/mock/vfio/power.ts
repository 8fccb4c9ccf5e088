import type { HardwareFunction } from '../hardware/function.js';
import * as pci from '../hardware/pci.js';

const D0 = 0;

/**
 * PCIe registers that the PCI core saves and restores, in addition to the header
 * (pci_save_state()).
 */
const EXPRESS = [
  pci.PCI_EXP_DEVCTL,
  pci.PCI_EXP_LNKCTL,
  pci.PCI_EXP_DEVCTL2,
  pci.PCI_EXP_LNKCTL2,
] as const;
/** AER registers that the PCI core saves and restores. */
const ERRORS = [
  pci.PCI_ERR_UNCOR_MASK,
  pci.PCI_ERR_UNCOR_SEVER,
  pci.PCI_ERR_COR_MASK,
  pci.PCI_ERR_CAP,
] as const;

interface Saved {
  readonly offset: number;
  readonly width: 2 | 4;
  readonly value: number;
}

/**
 * Changes the power state of a function, as vfio-pci does. The change from D3hot to D0 resets some
 * functions. Before D3hot, vfio-pci saves the configuration space of these functions, and restores
 * the saved contents in D0. Writes in D3hot are lost (vfio_pci_set_power_state()).
 */
export class Power {
  readonly #hardware: HardwareFunction;
  readonly #onRestore: () => void;
  /** Whether the change from D3hot to D0 resets the function. */
  readonly #isResetByD0: boolean;
  #saved: readonly Saved[] | null = null;

  /** @param onRestore - called after configuration space was restored */
  constructor(hardware: HardwareFunction, onRestore: () => void) {
    this.#hardware = hardware;
    this.#onRestore = onRestore;
    const pm = hardware.capability('pm');
    const control = pm === null ? 0 : hardware.config.get(pm + pci.PCI_PM_CTRL, 2);
    this.#isResetByD0 = pm !== null && (control & pci.PCI_PM_CTRL_NO_SOFT_RESET) === 0;
  }

  /**
   * Changes the power state. The call has no effect if the function does not support the new state,
   * or cannot enter the new state from its current state.
   */
  set(state: number): void {
    const pm = this.#hardware.capability('pm');
    const now = this.#hardware.powerState;
    if (pm === null || state === now) return;
    const able = this.#hardware.config.get(pm + pci.PCI_PM_PMC, 2);
    if (state !== D0 && state < now) return;
    if (state === 1 && (able & pci.PCI_PM_CAP_D1) === 0) return;
    if (state === 2 && (able & pci.PCI_PM_CAP_D2) === 0) return;
    if (state === pci.PCI_D3hot && this.#isResetByD0) this.#saved = this.#save();
    const offset = pm + pci.PCI_PM_CTRL;
    const control = this.#hardware.config.get(offset, 2) & ~pci.PCI_PM_CTRL_STATE_MASK;
    this.#hardware.writeConfig(offset, 2, control | state);
    if (state === D0) this.#restore();
  }

  #save(): Saved[] {
    const { config } = this.#hardware;
    const pcie = this.#hardware.capability('pcie');
    const aer = this.#hardware.capability('aer');
    const save = (offset: number, width: 2 | 4): Saved => ({
      offset,
      width,
      value: config.get(offset, width),
    });
    const header = Array.from({ length: pci.PCI_STD_HEADER_SIZEOF / 4 }, (_, i) => save(4 * i, 4));
    // A capability without all registers can be at the end of configuration space.
    const express = EXPRESS.filter((offset) => (pcie ?? 0) + offset < pci.PCI_CFG_SPACE_SIZE);
    return [
      ...(pcie === null ? [] : express.map((offset) => save(pcie + offset, 2))),
      ...(aer === null ? [] : ERRORS.map((offset) => save(aer + offset, 4))),
      ...header,
    ];
  }

  #restore(): void {
    if (this.#saved === null) return;
    for (const { offset, width, value } of this.#saved) {
      this.#hardware.writeConfig(offset, width, value);
    }
    this.#saved = null;
    this.#onRestore();
  }
}
