import { VfioError } from '../../errors.js';
import { checkCookieValue, requiresCookie } from '../store/cookie.js';
import type { Cookie, SlotLayout } from '../store/layout.js';

/**
 * Checks a cookie against the layout of the slots.
 *
 * @throws TypeError or RangeError if the cookie does not fit into its field
 * @throws VfioError ENOTSUP if the slots have no cookie; EINVAL if the cookie is null, but the
 *   device checks the cookie of every slot
 */
export function checkCookie({ name, cookie: field }: SlotLayout, cookie: Cookie): void {
  if (field === undefined) {
    if (cookie === null) return;
    throw new VfioError({
      code: 'ENOTSUP',
      message: `slots of the layout '${name}' have no cookie`,
    });
  }
  if (cookie !== null) {
    checkCookieValue(field, cookie);
    return;
  }
  if (!requiresCookie(field)) return;
  throw new VfioError({
    code: 'EINVAL',
    message: `a slot of the layout '${name}' needs a cookie, because the layout has no enable bit`,
  });
}
