import { VfioError } from '../../errors.js';
import type { Cookie, SlotLayout } from '../store/layout.js';
import type { Account } from './budget.js';
import { checkCookie } from './check-cookie.js';

/**
 * An owner of slots in a domain: a guest, or the program itself. A cookie of one owner cannot
 * become the cookie of a slot of another owner.
 */
export class Owner {
  /**
   * The cookie of the owner's slots while they are silent. If undefined, the owner is the program,
   * and a silent slot keeps its cookie.
   */
  readonly silentCookie: Cookie | undefined;
  /** The account to charge for each cookie of the owner. */
  readonly account: Account | undefined;
  readonly #claims: CookieClaims;

  constructor(claims: CookieClaims, silentCookie: Cookie | undefined, account?: Account) {
    this.#claims = claims;
    this.silentCookie = silentCookie;
    this.account = account;
  }

  /**
   * Claims a cookie. The cookie belongs to the owner until each of its claims is released.
   *
   * @throws TypeError or RangeError if the cookie does not fit into the field of the layout
   * @throws VfioError EEXIST if the cookie belongs to another owner; ENOSPC if the quota of the owner
   *   is used up; EINVAL if the cookie is null, but the domain has several guests or the device
   *   checks every slot; ENOTSUP if the slots have no cookie
   */
  claim(cookie: Cookie): void {
    this.#claims.claim(this, cookie);
  }

  /** Reverses one call of {@link claim}. */
  release(cookie: Cookie): void {
    this.#claims.release(this, cookie);
  }
}

/** Records which owner each cookie of a domain belongs to. */
export class CookieClaims {
  readonly #layout: SlotLayout;
  readonly #claims = new Map<number | bigint, { readonly owner: Owner; count: number }>();
  readonly #guests = new Set<Owner>();
  /** Number of claims of the cookie null by guests. The device checks no cookie of such slots. */
  #unchecked = 0;

  /** @param layout - the layout of the slots of the domain */
  constructor(layout: SlotLayout) {
    this.#layout = layout;
  }

  /**
   * Adds a guest.
   * @throws VfioError EINVAL if another guest has a vector or a default without a cookie
   */
  addGuest(guest: Owner): void {
    if (this.#unchecked > 0) {
      throw new VfioError({
        code: 'EINVAL',
        message: 'the domain is used by a guest without a default cookie, so no guest can be added',
        hint: 'Create each source with a PasidMap that has a default PASID, or with defaultCookie.',
      });
    }
    this.#guests.add(guest);
  }

  /** Removes a guest, and releases all claims of the guest. */
  removeGuest(guest: Owner): void {
    this.#guests.delete(guest);
    for (const [cookie, { owner }] of this.#claims) {
      if (owner === guest) this.#delete(owner, cookie);
    }
    // A guest with a slot that is not checked is the only guest.
    this.#unchecked = 0;
  }

  claim(owner: Owner, cookie: Cookie): void {
    checkCookie(this.#layout, cookie);
    if (cookie === null) {
      this.#claimNull(owner);
      return;
    }
    const claim = this.#claims.get(cookie);
    if (claim === undefined) {
      owner.account?.chargePasid();
      this.#claims.set(cookie, { owner, count: 1 });
    } else if (claim.owner === owner) {
      claim.count++;
    } else {
      throw new VfioError({
        code: 'EEXIST',
        message: `cookie ${cookie} belongs to another owner of slots of the domain`,
      });
    }
  }

  release(owner: Owner, cookie: Cookie): void {
    if (cookie === null) {
      if (this.#isChecked(owner)) this.#unchecked--;
      return;
    }
    const claim = this.#claims.get(cookie);
    if (claim?.owner !== owner) return;
    claim.count--;
    if (claim.count === 0) this.#delete(owner, cookie);
  }

  #delete(owner: Owner, cookie: number | bigint): void {
    this.#claims.delete(cookie);
    owner.account?.refundPasid();
  }

  #claimNull(owner: Owner): void {
    if (!this.#isChecked(owner)) return;
    if (this.#guests.size > 1) {
      throw new VfioError({
        code: 'EINVAL',
        message: 'a slot needs a cookie, because several guests use the domain',
        hint: 'Create each source with a PasidMap that has a default PASID, or with defaultCookie.',
      });
    }
    this.#unchecked++;
  }

  /** Whether the slots of an owner need a cookie while the domain has several guests. */
  #isChecked(owner: Owner): boolean {
    return this.#layout.cookie !== undefined && owner.silentCookie !== undefined;
  }
}
