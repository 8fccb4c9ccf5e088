import { EventEmitter } from 'node:events';
import { checkPasid } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Cookie } from '../store/layout.js';

/** Events of a {@link PasidMap}. */
export interface PasidMapEvents {
  /** A binding is gone. */
  unbound: [binding: { readonly guest: number; readonly host: number }];
}

/**
 * Which PASID of the host stands for one of the guest. A virtual device has a default one; those of
 * shared virtual addressing come and go.
 */
export class PasidMap extends EventEmitter<PasidMapEvents> {
  /** The PASID of work that names none of the guest's; null if the device checks nothing then. */
  readonly default: Cookie;
  readonly #hosts = new Map<number, number>();

  constructor(defaultPasid: Cookie = null) {
    super();
    if (defaultPasid !== null) checkPasid(defaultPasid, 'default PASID');
    this.default = defaultPasid;
  }

  /** The PASID of the host, or undefined if the guest's is not bound. */
  lookup(guest: number): number | undefined {
    return this.#hosts.get(guest);
  }

  /**
   * Binds a PASID of the guest to one of the host, each of 20 bits.
   * @throws {@link VfioError} EEXIST if one of them is bound already, or the host's is the default
   */
  bind(guest: number, host: number): void {
    checkPasid(guest, 'guest PASID');
    checkPasid(host, 'host PASID');
    const taken = host === this.default || [...this.#hosts.values()].includes(host);
    if (this.#hosts.has(guest) || taken) {
      throw new VfioError({ code: 'EEXIST', message: `PASID ${guest} or ${host} is bound` });
    }
    this.#hosts.set(guest, host);
  }

  /**
   * Unbinds; whoever holds the host's PASID lets go of it before this returns.
   * @throws {@link VfioError} ENOENT if it is not bound
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
