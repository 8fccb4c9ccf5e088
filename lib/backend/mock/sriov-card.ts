import type { Uuid } from '../../contract/uuid.js';
import { VfioError } from '../../errors.js';
import type { ConfigBytes } from './hardware/config-bytes.js';
import * as pci from './hardware/pci.js';

const CONTROL = 0x08;
const NUM_VFS = 0x10;
/** VF Enable and VF Memory Space Enable. */
const ENABLED = 0x09;
const TOKEN_SIZE = 16;

/**
 * A card with SR-IOV: the number of its virtual functions, and the VF token that its functions
 * share. Until a program opens the physical function, a driver of the host owns the physical
 * function, and the virtual functions accept no token.
 */
export class SriovCard {
  /** The largest number of virtual functions. */
  readonly total: number;
  #count: number;
  /** Null while a driver of the host owns the physical function. */
  #token: Uint8Array | null = null;
  /** Indexes of the open virtual functions. */
  readonly #open = new Set<number>();
  /** Configuration space of the physical function; null while the physical function is not open. */
  #config: ConfigBytes | null = null;

  /** Creates a card whose virtual functions all exist. */
  constructor(total: number) {
    this.total = total;
    this.#count = total;
  }

  /**
   * Changes the number of virtual functions, as a write to `sriov_numvfs` does. The kernel removes
   * all virtual functions first.
   *
   * @throws VfioError EBUSY while a virtual function is open. The kernel waits in this case.
   */
  setCount(count: number): void {
    if (this.#open.size > 0) {
      throw new VfioError({
        code: 'EBUSY',
        message: `open virtual functions: ${this.#open.size}`,
        hint: 'Close the virtual functions first.',
      });
    }
    this.#count = count;
    this.#showCount();
  }

  /** Sets the VF token: VFIO_DEVICE_FEATURE_PCI_VF_TOKEN. */
  setToken(token: Uint8Array): void {
    this.#token = token.slice();
  }

  /**
   * Checks whether a token opens the physical function. If no virtual function is open, the token
   * becomes the VF token of the card (vfio_pci_validate_vf_token()).
   *
   * @throws VfioError EACCES for a missing or wrong token while virtual functions are open; EBUSY if
   *   a driver of the host owns the physical function and virtual functions are open
   */
  checkPhysical(token: Uuid | null, syscall: string): void {
    if (this.#open.size > 0) {
      if (this.#token === null) {
        throw new VfioError({
          code: 'EBUSY',
          syscall,
          message: 'a driver of the host owns the physical function',
          hint: 'Open the physical function before its virtual functions.',
        });
      }
      this.#checkEqual(token, syscall);
      return;
    }
    // vfio-pci generates a random token when vfio-pci is bound to the physical function.
    this.#token = token?.bytes ?? this.#token ?? crypto.getRandomValues(new Uint8Array(TOKEN_SIZE));
  }

  /**
   * Checks whether a token opens a virtual function (vfio_pci_validate_vf_token()).
   *
   * @throws VfioError EACCES for a missing or wrong token; EINVAL for a token while a driver of the
   *   host owns the physical function
   */
  checkVirtual(token: Uuid | null, syscall: string): void {
    if (this.#token !== null) {
      this.#checkEqual(token, syscall);
    } else if (token !== null) {
      throw new VfioError({
        code: 'EINVAL',
        syscall,
        hint: 'Omit vfToken: the program has not opened the physical function.',
      });
    }
  }

  /** @throws VfioError ENODEV if the card has no virtual function of this index */
  checkExists(index: number): void {
    if (index < this.#count) return;
    throw new VfioError({
      code: 'ENODEV',
      message: `the number of virtual functions is ${this.#count}`,
      hint: 'Call mockControl(name).setVirtualFunctions(count) with the name of the physical function.',
    });
  }

  /** Sets whether a virtual function is open. */
  setOpen(index: number, isOpen: boolean): void {
    if (isOpen) this.#open.add(index);
    else this.#open.delete(index);
  }

  /** Shows the number of virtual functions in the configuration space of the physical function. */
  attach(config: ConfigBytes | null): void {
    this.#config = config;
    this.#showCount();
  }

  #showCount(): void {
    const offset = this.#config?.find(pci.PCI_EXT_CAP_ID_SRIOV, true) ?? null;
    if (this.#config === null || offset === null) return;
    this.#config.set(offset + CONTROL, 2, this.#count > 0 ? ENABLED : 0);
    this.#config.set(offset + NUM_VFS, 2, this.#count);
  }

  #checkEqual(token: Uuid | null, syscall: string): void {
    if (token !== null && Buffer.compare(token.bytes, this.#token ?? token.bytes) === 0) return;
    throw new VfioError({
      code: 'EACCES',
      syscall,
      hint:
        token === null
          ? 'Pass the UUID with which the physical function was opened (vfToken, --vf-token).'
          : 'The VF token differs from the token of the physical function.',
    });
  }
}

/** A function of a card with SR-IOV. */
export interface SriovFunction {
  readonly card: SriovCard;
  /** Index of a virtual function; null for the physical function. */
  readonly index: number | null;
}
