import { EventEmitter } from 'node:events';
import { checkPasid } from '../../checks.js';
import { VfioError } from '../../errors.js';

/** Events of a {@link PasidMap}. */
export interface PasidMapEvents {
  /** A guest PASID was unbound. */
  unbound: [binding: { readonly guest: number; readonly host: number }];
}

/**
 * Maps the PASIDs of a guest to PASIDs of the host. A virtual device has a default host PASID.
 * PASIDs for shared virtual addressing are bound and unbound at run time.
 */
export class PasidMap extends EventEmitter<PasidMapEvents> {
  /**
   * The host PASID of work that has no guest PASID. If the default is null, the device does not
   * check the PASID of work without a guest PASID.
   */
  readonly default: number | null;
  readonly #hosts = new Map<number, number>();

  constructor(defaultPasid: number | null = null) {
    super();
    if (defaultPasid !== null) checkPasid(defaultPasid, 'default PASID');
    this.default = defaultPasid;
  }

  /** Returns the host PASID for a guest PASID, or undefined if the guest PASID is not bound. */
  lookup(guest: number): number | undefined {
    return this.#hosts.get(guest);
  }

  /**
   * Binds a guest PASID to a host PASID. Each PASID has 20 bits.
   * @throws {@link VfioError} EEXIST if one of the two PASIDs is bound already, or if `host` is the
   *   default host PASID
   */
  bind(guest: number, host: number): void {
    checkPasid(guest, 'guest PASID');
    checkPasid(host, 'host PASID');
    if (this.#hosts.has(guest)) {
      throw new VfioError({ code: 'EEXIST', message: `guest PASID ${guest} is already bound` });
    }
    if (host === this.default || [...this.#hosts.values()].includes(host)) {
      throw new VfioError({ code: 'EEXIST', message: `host PASID ${host} is already in use` });
    }
    this.#hosts.set(guest, host);
  }

  /**
   * Unbinds a guest PASID. When the call returns, all slots that have the host PASID as cookie are
   * revoked.
   * @throws {@link VfioError} ENOENT if the guest PASID is not bound
   */
  unbind(guest: number): void {
    const host = this.#hosts.get(guest);
    if (host === undefined) {
      throw new VfioError({ code: 'ENOENT', message: `guest PASID ${guest} is not bound` });
    }
    this.#hosts.delete(guest);
    this.emit('unbound', { guest, host });
  }
}
