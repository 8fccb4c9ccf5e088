import type { Cookie } from '../store/layout.js';
import type { Account } from './budget.js';
import { type CookieClaims, Owner } from './cookie-claims.js';
import { type PasidMap, pasidInternals, type PasidUser } from './pasid-map.js';

/** The owner of all sources that use the same PASIDs, or of one source without PASIDs. */
class Guest extends Owner implements PasidUser {
  readonly pasids: PasidMap | undefined;
  readonly #revoke: (host: number) => void;
  /** Number of sources of the guest. */
  sources = 0;

  constructor(
    claims: CookieClaims,
    silentCookie: Cookie,
    account: Account | undefined,
    pasids: PasidMap | undefined,
    revoke: (host: number) => void,
  ) {
    super(claims, silentCookie, account);
    this.pasids = pasids;
    this.#revoke = revoke;
  }

  /** Silences the slots with an unbound host PASID, then releases the PASID. */
  unbound(host: number): void {
    this.#revoke(host);
    this.release(host);
  }
}

/** The guests that use a domain. */
export class Guests {
  readonly #claims: CookieClaims;
  readonly #revoke: (host: number) => void;
  readonly #guests = new Set<Guest>();

  /** @param revoke - silences the slots that have an unbound host PASID as their cookie */
  constructor(claims: CookieClaims, revoke: (host: number) => void) {
    this.#claims = claims;
    this.#revoke = revoke;
  }

  /**
   * Adds a source. Sources with the same PASIDs belong to the same guest.
   *
   * @param account - the account to charge for the cookies, if the source is the first source of
   *   the guest
   * @throws VfioError EEXIST if the default cookie or a host PASID belongs to another owner; ENOSPC
   *   if the quota is used up; EINVAL if the domain has several guests, and one of them has no
   *   default cookie
   */
  join(pasids: PasidMap | undefined, defaultCookie: Cookie, account: Account | undefined): Owner {
    const known = [...this.#guests].find((one) => pasids !== undefined && one.pasids === pasids);
    const guest = known ?? this.#add(pasids, defaultCookie, account);
    guest.sources++;
    return guest;
  }

  /** Removes a source. When a guest has no source left, its cookies no longer belong to the guest. */
  leave(owner: Owner): void {
    const guest = [...this.#guests].find((one) => one === owner);
    if (guest === undefined || --guest.sources > 0) return;
    if (guest.pasids !== undefined) pasidInternals.removeUser(guest.pasids, guest);
    this.#guests.delete(guest);
    this.#claims.removeGuest(guest);
  }

  #add(pasids: PasidMap | undefined, defaultCookie: Cookie, account: Account | undefined): Guest {
    const guest = new Guest(this.#claims, defaultCookie, account, pasids, this.#revoke);
    this.#claims.addGuest(guest);
    try {
      guest.claim(defaultCookie);
      if (pasids !== undefined) pasidInternals.addUser(pasids, guest);
    } catch (error) {
      this.#claims.removeGuest(guest);
      throw error;
    }
    this.#guests.add(guest);
    return guest;
  }
}
