import { type Dsa, QUEUE_SIZE } from './device.js';
import * as dsa from './registers.js';

const WORDS = dsa.WQCFG_SIZE / 4;
const STATE_WORD = 6;
const ENABLED = 1 << dsa.WQCFG_STATE_SHIFT;

/**
 * The work queue of a virtual DSA. The queue is a queue of the shared device, which is dedicated to
 * the default host PASID of the guest. The methods return a status of `CMDSTS`.
 */
export class VirtualQueue {
  readonly #driver: Dsa;
  readonly #index: number;
  readonly #pasid: number;
  /** The guest's entry of `WQCFG`. */
  readonly #config = new Uint32Array(WORDS);
  #isEnabled = false;

  /**
   * @param index - the index of the queue in the shared device
   * @param pasid - the host PASID of the guest's work
   */
  constructor(driver: Dsa, index: number, pasid: number) {
    this.#driver = driver;
    this.#index = index;
    this.#pasid = pasid;
  }

  /** Reads a word of `WQCFG`. */
  readConfig(word: number): number {
    if (word === STATE_WORD) return this.#isEnabled ? ENABLED : 0;
    return this.#config[word] ?? 0;
  }

  /** Writes a word of `WQCFG`. While the queue is enabled, `WQCFG` is read-only. */
  writeConfig(word: number, value: number): void {
    if (!this.#isEnabled && word !== STATE_WORD) this.#config[word] = value;
  }

  /** Enables the queue with the host's default PASID. The PASID in the guest's `WQCFG` is ignored. */
  enable(): number {
    if (this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_WQ_ENABLED;
    const [sizes = 0, , mode = 0] = this.#config;
    const size = sizes & 0xffff;
    if (size === 0 || size > QUEUE_SIZE) return dsa.IDXD_CMDSTS_ERR_WQ_SIZE;
    if ((mode & dsa.WQCFG_MODE_DEDICATED) === 0) return dsa.IDXD_CMDSTS_ERR_WQ_MODE;
    this.#driver.enableQueue(this.#index, { dedicatedTo: this.#pasid }, size);
    this.#isEnabled = true;
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  disable(): number {
    if (!this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_DEV_NOT_EN;
    this.#driver.runQueueCommand(dsa.IDXD_CMD_DISABLE_WQ, this.#index);
    this.#isEnabled = false;
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  drain(): number {
    if (!this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_DEV_NOT_EN;
    this.#driver.runQueueCommand(dsa.IDXD_CMD_DRAIN_WQ, this.#index);
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  /** Disables the queue and clears its configuration. */
  reset(): number {
    this.#driver.runQueueCommand(dsa.IDXD_CMD_RESET_WQ, this.#index);
    this.#isEnabled = false;
    this.#config.fill(0);
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  /**
   * Writes 8 bytes of a descriptor to a portal of the shared device. The handles in the descriptor
   * then refer to slots of the message store. A guest writes to the pages for MSI-X handles, and this
   * method writes to the pages for slots. An unlimited portal of the guest becomes an unlimited
   * portal of the device, and a limited portal becomes a limited portal.
   *
   * @param offset - offset in the guest's portals, in bytes; a multiple of 8
   */
  submit(offset: number, value: bigint): void {
    const page = Math.floor(offset / dsa.IDXD_PORTAL_SIZE) & 1;
    const portal = this.#driver.portalOffset(this.#index) + page * dsa.IDXD_PORTAL_SIZE;
    this.#driver.portals.write64(portal + (offset % dsa.IDXD_PORTAL_SIZE), value);
  }
}
