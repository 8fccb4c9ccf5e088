import {
  checkBoolean,
  checkBytes,
  checkFunction,
  checkInteger,
  checkNumber,
  checkOptions,
  checkPasid,
  checkU64,
  maskOf,
} from '../../../checks.js';
import type { Message } from '../../../contract/message.js';
import {
  type BarShape,
  type DeviceHost,
  type DeviceLogic,
  type DeviceModel,
  type MemoryBlock,
  type MsixCapability,
  type Register,
  type RomShape,
  type TransferOptions,
} from './model.js';
import { DmaFault } from '../machine/dma-fault.js';
import type { InjectedFaults } from './command-faults.js';
import { checkRegisters } from './check-registers.js';
import { DeviceFaults, type DmaDirection } from './device-faults.js';
import * as pci from './pci.js';
import { ConfigBytes } from './config-bytes.js';
import { blockOverlay } from './memory-block.js';
import { Msi } from './msi.js';
import { Msix } from './msix.js';
import { RegisterTable, type Overlay } from './registers.js';

const NO_PASID: TransferOptions = {};

/** The bus that a function is plugged into. */
export interface Bus {
  /** Reads memory of the host. @throws DmaFault */
  read(address: bigint, into: Uint8Array, options: TransferOptions): void;
  /** Writes memory of the host. @throws DmaFault */
  write(address: bigint, from: Uint8Array, options: TransferOptions): void;
  sendMessage(message: Message): void;
  /** Asserts the interrupt pin. Called only if the command register enables the pin. */
  assertPin(): void;
  defer(owner: object, work: () => void, ms: number): void;
  /** Runs deferred work that is due. Called after each read of a register. */
  runDueWork(): void;
}

/** Capabilities whose behaviour the mock emulates. */
const IDS = {
  pm: { id: pci.PCI_CAP_ID_PM, extended: false },
  vpd: { id: pci.PCI_CAP_ID_VPD, extended: false },
  msi: { id: pci.PCI_CAP_ID_MSI, extended: false },
  msix: { id: pci.PCI_CAP_ID_MSIX, extended: false },
  pcie: { id: pci.PCI_CAP_ID_EXP, extended: false },
  aer: { id: pci.PCI_EXT_CAP_ID_ERR, extended: true },
  sriov: { id: pci.PCI_EXT_CAP_ID_SRIOV, extended: true },
} as const;

/**
 * A PCI function on its bus: configuration space, BARs, interrupt pin and messages. The class does
 * not depend on VFIO.
 */
export class HardwareFunction implements DeviceHost {
  readonly config: ConfigBytes;
  readonly msi: Msi | null;
  readonly msix: Msix | null;
  /** Places of the MSI-X table and of the pending bit array. Null if the function has no MSI-X. */
  readonly msixPlace: Pick<MsixCapability, 'vectors' | 'table' | 'pba'> | null;
  readonly rom: RomShape | null;
  /**
   * Whether this function is a virtual function of SR-IOV. Memory decode of a virtual function is
   * always enabled.
   */
  readonly isVirtual: boolean;
  /** Vital product data, which the VPD capability transfers. Null if the function has no VPD. */
  readonly vpd: Uint8Array | null;
  readonly #bus: Bus;
  readonly #bars = new Map<
    number,
    { readonly shape: BarShape; readonly registers: RegisterTable }
  >();
  readonly #logic: DeviceLogic;
  readonly #faults: DeviceFaults;
  #isUnplugged = false;
  /** Whether the device responds to accesses, sends DMA and raises interrupts. */
  #isResponding = true;
  /** Level of the pin, as the status register shows it. */
  #pin = false;
  /** Whether the pin is asserted on the bus. The command register can disable the pin. */
  #isPinAsserted = false;

  constructor(model: DeviceModel, bus: Bus, faults = new DeviceFaults()) {
    const { shape } = model;
    const send = (message: Message) => {
      this.#send(message);
    };
    this.#bus = bus;
    this.#faults = faults;
    this.config = new ConfigBytes(shape);
    const vpd = shape.capabilities.find((capability) => capability.name === 'vpd');
    this.vpd = vpd === undefined ? null : vpd.data.slice();
    this.rom = shape.rom ?? null;
    this.isVirtual = shape.virtual === true;
    const msi = this.capability('msi');
    this.msi = msi === null ? null : new Msi(this.config, msi, send);
    const overlays = new Map<number, Overlay[]>(shape.bars.map(({ index }) => [index, []]));
    this.msixPlace = this.#findMsix();
    this.msix = null;
    if (this.msixPlace !== null) {
      const { vectors, table, pba } = this.msixPlace;
      this.msix = new Msix(vectors, table, pba, send);
      overlays.get(table.bar)?.push(this.msix.table);
      overlays.get(pba.bar)?.push(this.msix.pendingBits);
    }
    this.#logic = model.create(this);
    checkRegisters(model.name, shape.bars, this.#logic.registers, this.msixPlace);
    for (const bar of shape.bars) {
      const registers: Register[] = [];
      const blocks: MemoryBlock[] = [];
      for (const part of this.#logic.registers[bar.index] ?? []) {
        if ('size' in part) blocks.push(part);
        else registers.push(part);
      }
      const parts = [...(overlays.get(bar.index) ?? []), ...blocks.map(blockOverlay)];
      this.#bars.set(bar.index, {
        shape: bar,
        registers: new RegisterTable(bar, registers, parts),
      });
    }
  }

  /** Returns the offset of a capability, or null if the function does not have it. */
  capability(name: keyof typeof IDS): number | null {
    const { id, extended } = IDS[name];
    return this.config.find(id, extended);
  }

  /** Returns the size of a BAR in bytes; 0 if the function has no BAR of that index. */
  barSize(index: number): number {
    return this.#bars.get(index)?.shape.size ?? 0;
  }

  /** Returns a BAR, or undefined if the function has no BAR of that index. */
  bar(index: number): BarShape | undefined {
    return this.#bars.get(index)?.shape;
  }

  /** Level of the interrupt pin, as the status register shows it. */
  get pin(): boolean {
    return this.#pin;
  }

  /** Power state, 0 to 3. */
  get powerState(): number {
    const offset = this.capability('pm');
    if (offset === null) return 0;
    return this.config.get(offset + pci.PCI_PM_CTRL, 2) & pci.PCI_PM_CTRL_STATE_MASK;
  }

  /** The faults of commands, for the models of the library that execute commands. */
  get commandFaults(): InjectedFaults {
    return this.#faults.commands;
  }

  /** Reads configuration space. If the device does not respond, all bits read as 1. */
  readConfig(offset: number, width: 1 | 2 | 4): number {
    return this.#isResponding ? this.config.get(offset, width) : 2 ** (8 * width) - 1;
  }

  writeConfig(offset: number, width: 1 | 2 | 4, value: number): void {
    if (!this.#isResponding) return;
    this.config.write(offset, width, value);
    const msix = this.capability('msix');
    if (msix !== null && this.msix !== null) {
      const control = this.config.get(msix + pci.PCI_MSIX_FLAGS, 2);
      const enabled = (control & pci.PCI_MSIX_FLAGS_ENABLE) !== 0;
      this.msix.control(enabled, (control & pci.PCI_MSIX_FLAGS_MASKALL) !== 0);
    }
    this.msi?.deliverPending();
    // A function must not use its pin while MSI or MSI-X is enabled.
    if (this.messagesEnabled) this.setPin(false);
    else this.#updatePin();
  }

  /** Sets or clears bits in a 16-bit register of configuration space. */
  updateConfig(offset: number, bits: number, on: boolean): void {
    const value = this.config.get(offset, 2);
    this.writeConfig(offset, 2, on ? value | bits : value & ~bits);
  }

  readBar(index: number, offset: number, width: 1 | 2 | 4): number {
    const value = this.#findDecoded(index)?.read(offset, width);
    this.#bus.runDueWork();
    if (value === undefined) return maskOf(width);
    if (!this.#faults.hasOverrides) return value;
    return Number(this.#faults.applyOverrides(index, offset, width, BigInt(value)));
  }

  readBar64(index: number, offset: number): bigint {
    const value = this.#findDecoded(index)?.read64(offset);
    this.#bus.runDueWork();
    return value === undefined
      ? 0xffff_ffff_ffff_ffffn
      : this.#faults.applyOverrides(index, offset, 8, value);
  }

  writeBar(index: number, offset: number, width: 1 | 2 | 4, value: number): void {
    this.#findDecoded(index)?.write(offset, width, value);
  }

  writeBar64(index: number, offset: number, value: bigint): void {
    this.#findDecoded(index)?.write64(offset, value);
  }

  /**
   * Resets the function. Configuration space does not change, because the PCI core saves
   * configuration space before the reset and restores it after the reset.
   */
  reset(): void {
    this.#logic.reset();
    this.msi?.reset();
    this.msix?.reset();
    this.setPin(false);
  }

  /** Whether the device was unplugged. */
  get isUnplugged(): boolean {
    return this.#isUnplugged;
  }

  /** Unplugs the device. After this call, the device does not respond. */
  unplug(): void {
    this.stopResponding();
    this.#isUnplugged = true;
  }

  /**
   * Stops the device: registers and configuration space read as all ones, writes are dropped, and
   * the device sends no DMA and no interrupts.
   */
  stopResponding(): void {
    this.setPin(false);
    this.#isResponding = false;
  }

  /** Ends the effect of {@link stopResponding}. An unplugged device still does not respond. */
  startResponding(): void {
    this.#isResponding = !this.#isUnplugged;
  }

  /** Clears memory decode in the command register. */
  disableMemory(): void {
    this.updateConfig(pci.PCI_COMMAND, pci.PCI_COMMAND_MEMORY, false);
  }

  /** Raises an interrupt without a cause in the device: sends a message, or pulses the pin. */
  interrupt(vector: number): void {
    if (this.messagesEnabled) {
      this.signal(vector);
      return;
    }
    const level = this.#pin;
    this.setPin(false);
    this.setPin(true);
    this.setPin(level);
  }

  dmaRead(address: bigint, into: Uint8Array, options: TransferOptions = NO_PASID): void {
    checkTransfer(address, into, options);
    this.#checkTransfer(address, 'read');
    this.#bus.read(address, into, options);
  }

  dmaWrite(address: bigint, from: Uint8Array, options: TransferOptions = NO_PASID): void {
    checkTransfer(address, from, options);
    this.#checkTransfer(address, 'write');
    this.#bus.write(address, from, options);
  }

  get messagesEnabled(): boolean {
    return this.msix?.enabled === true || this.msi?.enabled === true;
  }

  signal(vector: number): void {
    checkInteger(vector, 'vector', 0, 0xffff);
    if (this.msix?.enabled === true) this.msix.notify(vector);
    else this.msi?.notify(vector);
  }

  setPin(asserted: boolean): void {
    checkBoolean(asserted, 'level of the pin');
    if (!this.#isResponding) return;
    this.#pin = asserted;
    const status = this.config.get(pci.PCI_STATUS, 2) & ~pci.PCI_STATUS_INTERRUPT;
    this.config.set(pci.PCI_STATUS, 2, status | (asserted ? pci.PCI_STATUS_INTERRUPT : 0));
    this.#updatePin();
  }

  defer(work: () => void, ms = 0): void {
    checkFunction(work, 'work');
    checkNumber(ms, 'ms');
    if (!(ms >= 0 && ms < 2 ** 31)) {
      throw new RangeError(`ms must be from 0 to 2^31 - 1, not ${ms}`);
    }
    this.#bus.defer(this, work, ms);
  }

  #findMsix(): HardwareFunction['msixPlace'] {
    const offset = this.capability('msix');
    if (offset === null) return null;
    const place = (register: number) => {
      const value = this.config.get(offset + register, 4);
      return { bar: value & pci.PCI_MSIX_BIR, offset: (value & ~pci.PCI_MSIX_BIR) >>> 0 };
    };
    const vectors =
      (this.config.get(offset + pci.PCI_MSIX_FLAGS, 2) & pci.PCI_MSIX_FLAGS_QSIZE) + 1;
    return { vectors, table: place(pci.PCI_MSIX_TABLE), pba: place(pci.PCI_MSIX_PBA) };
  }

  /**
   * Notifies the bus if the pin became asserted and the command register does not disable the pin.
   */
  #updatePin(): void {
    const asserted = this.#pin && !this.#hasCommand(pci.PCI_COMMAND_INTX_DISABLE);
    const rose = asserted && !this.#isPinAsserted;
    this.#isPinAsserted = asserted;
    if (rose) this.#bus.assertPin();
  }

  /** Sends a message if bus mastering is enabled, because a message is a memory write. */
  #send(message: Message): void {
    if (!this.#isResponding || !this.#hasCommand(pci.PCI_COMMAND_MASTER)) return;
    this.#bus.sendMessage(message);
  }

  /** Checks whether a transfer reaches the IOMMU. */
  #checkTransfer(address: bigint, direction: DmaDirection): void {
    const aborted = this.#faults.takeDma(direction) || !this.#isResponding;
    if (aborted) throw new DmaFault(address, 'aborted');
    if (!this.#hasCommand(pci.PCI_COMMAND_MASTER)) throw new DmaFault(address, 'no bus master');
  }

  /** Returns the registers of a BAR if the function decodes the addresses of this BAR. */
  #findDecoded(index: number): RegisterTable | undefined {
    const bar = this.#bars.get(index);
    if (bar === undefined || !this.#isResponding) return undefined;
    if (this.powerState >= pci.PCI_D3hot) return undefined;
    const bit = bar.shape.kind === 'io' ? pci.PCI_COMMAND_IO : pci.PCI_COMMAND_MEMORY;
    return this.isVirtual || this.#hasCommand(bit) ? bar.registers : undefined;
  }

  #hasCommand(bit: number): boolean {
    return (this.config.get(pci.PCI_COMMAND, 2) & bit) !== 0;
  }
}

function checkTransfer(address: unknown, bytes: unknown, options: TransferOptions): void {
  checkU64(address, 'address');
  checkBytes(bytes, 'bytes');
  if (options === NO_PASID) return;
  checkOptions(options, ['pasid']);
  if (options.pasid !== undefined) checkPasid(options.pasid);
}
