import { EventEmitter } from 'node:events';
import { checkPasid } from '../../checks.js';
import { VfioError } from '../../errors.js';

/** A guest PASID and its host PASID. */
export interface PasidBinding {
  readonly guest: number;
  readonly host: number;
}

/** Events of a {@link PasidMap}. */
export interface PasidMapEvents {
  /** A guest PASID was bound. */
  bound: [binding: PasidBinding];
  /** A guest PASID was unbound. */
  unbound: [binding: PasidBinding];
}

/** A domain whose slots have host PASIDs of the map as cookies. */
export interface PasidUser {
  /** Claims a host PASID. @throws VfioError EEXIST if the PASID belongs to another owner */
  claim(host: number): void;
  /** Reverses one call of {@link claim}. */
  release(host: number): void;
  /** Silences the slots that have the host PASID, then releases the PASID. */
  unbound(host: number): void;
}

/** Methods of {@link PasidMap} that are internal to this folder. */
export interface PasidInternals {
  /**
   * Adds a domain. The domain claims all bound host PASIDs.
   * @throws the error of a claim; the domain is then not added
   */
  addUser(map: PasidMap, user: PasidUser): void;
  /** Removes a domain. */
  removeUser(map: PasidMap, user: PasidUser): void;
}

export let pasidInternals: PasidInternals;

/**
 * Maps the PASIDs of a guest to PASIDs of the host. A virtual device has a default host PASID.
 * PASIDs for shared virtual addressing are bound and unbound at run time. In a domain, each host
 * PASID belongs to one map.
 */
export class PasidMap extends EventEmitter<PasidMapEvents> {
  /**
   * The host PASID of work that has no guest PASID. If the default is null, the device does not
   * check the PASID of work without a guest PASID. A map without a default cannot share a domain
   * with other guests.
   */
  readonly default: number | null;
  readonly #hosts = new Map<number, number>();
  readonly #users = new Set<PasidUser>();

  static {
    pasidInternals = {
      addUser: (map, user) => {
        for (const host of map.#hosts.values()) user.claim(host);
        map.#users.add(user);
      },
      removeUser: (map, user) => {
        map.#users.delete(user);
      },
    };
  }

  constructor(defaultPasid: number | null = null) {
    super();
    if (defaultPasid !== null) checkPasid(defaultPasid, 'default PASID');
    this.default = defaultPasid;
    // Each virtual device of the guest adds a listener.
    this.setMaxListeners(0);
  }

  /** Returns the host PASID for a guest PASID, or undefined if the guest PASID is not bound. */
  lookup(guest: number): number | undefined {
    checkPasid(guest, 'guest PASID');
    return this.#hosts.get(guest);
  }

  /**
   * Binds a guest PASID to a host PASID. Each PASID has 20 bits.
   *
   * @throws {@link VfioError} EEXIST if one of the two PASIDs is bound already, if `host` is the
   *   default host PASID, or if `host` belongs to another owner in a domain that uses the map;
   *   ENOSPC if the quota of PASIDs is used up
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
    this.#claim(host);
    this.#hosts.set(guest, host);
    this.emit('bound', { guest, host });
  }

  /**
   * Unbinds a guest PASID. When the call returns, all slots that had the host PASID as cookie are
   * silent, and other owners can get the host PASID.
   * @throws {@link VfioError} ENOENT if the guest PASID is not bound
   */
  unbind(guest: number): void {
    checkPasid(guest, 'guest PASID');
    const host = this.#hosts.get(guest);
    if (host === undefined) {
      throw new VfioError({ code: 'ENOENT', message: `guest PASID ${guest} is not bound` });
    }
    this.#hosts.delete(guest);
    for (const user of this.#users) user.unbound(host);
    this.emit('unbound', { guest, host });
  }

  /** Claims a host PASID in all domains, or in no domain if a claim fails. */
  #claim(host: number): void {
    const claimed: PasidUser[] = [];
    try {
      for (const user of this.#users) {
        user.claim(host);
        claimed.push(user);
      }
    } catch (error) {
      for (const user of claimed) user.release(host);
      throw error;
    }
  }
}
