import { VfioError } from '../errors.js';
import type { DeviceConnection } from './index.js';
import { IRQ_NAMES, VFIO_PCI_MSIX_IRQ_INDEX } from './uapi.js';

/** A user of an interrupt index, for the error that another user gets. */
export interface IrqUser {
  /** For example `'device.interrupts'`. */
  readonly name: string;
  /** Tells how the user stops using the index. */
  readonly release: string;
}

/** The users of the interrupt indexes of each connection. */
const users = new WeakMap<DeviceConnection, Map<number, IrqUser>>();

/** Whether an interrupt index of a connection has a user. */
export function isIrqOwned(connection: DeviceConnection, index: number): boolean {
  return users.get(connection)?.has(index) === true;
}

/**
 * The right of one user to change an interrupt index of a connection. Two users of an index would
 * disable each other's vectors. The kernel enables only one of INTx, MSI and MSI-X at a time, so
 * these three indexes have one user together.
 */
export class IrqOwnership {
  readonly #connection: DeviceConnection;
  readonly #index: number;
  readonly #user: IrqUser;

  constructor(connection: DeviceConnection, index: number, user: IrqUser) {
    this.#connection = connection;
    this.#index = index;
    this.#user = user;
  }

  /** Whether this user owns the index. */
  get held(): boolean {
    return users.get(this.#connection)?.get(this.#index) === this.#user;
  }

  /**
   * Enables the index. The user then owns the index. If the call fails, the owner does not change.
   *
   * @param enable - enables the index in the kernel
   * @throws {@link VfioError} EBUSY if another user owns the index, or if another one of INTx, MSI
   *   and MSI-X is enabled
   */
  acquire<T>(enable: () => T): T {
    if (this.held) return enable();
    const owned = users.get(this.#connection) ?? new Map<number, IrqUser>();
    for (const [index, user] of owned) if (this.#conflicts(index)) throw this.#busy(index, user);
    const result = enable();
    users.set(this.#connection, owned.set(this.#index, this.#user));
    return result;
  }

  /** Ends the ownership. Idempotent. */
  release(): void {
    if (this.held) users.get(this.#connection)?.delete(this.#index);
  }

  #conflicts(index: number): boolean {
    const exclusive = Math.max(index, this.#index) <= VFIO_PCI_MSIX_IRQ_INDEX;
    return index === this.#index || exclusive;
  }

  #busy(index: number, user: IrqUser): VfioError {
    const [own, other] = [irqName(this.#index), irqName(index)];
    return new VfioError({
      code: 'EBUSY',
      message:
        own === other
          ? `${own} is in use by ${user.name}`
          : `${own} cannot be enabled while ${other} is active`,
      path: this.#connection.name,
      hint: user.release,
    });
  }
}

function irqName(index: number): string {
  return IRQ_NAMES[index] ?? `interrupt index ${index}`;
}
