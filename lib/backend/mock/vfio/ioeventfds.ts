import type { IoeventfdRequest } from '../../../contract/index.js';
import { VFIO_PCI_BAR5_REGION_INDEX } from '../../../contract/uapi.js';
import { fail } from '../machine/errno.js';
import { mockEventfd } from '../machine/eventfd.js';
import type { HardwareFunction } from '../hardware/function.js';
import type { Profile } from '../machine/profile.js';
import { Virqfd } from '../machine/virqfd.js';
import type { Regions } from './regions.js';

const IOEVENTFD = 'VFIO_DEVICE_IOEVENTFD';
/** VFIO_PCI_IOEVENTFD_MAX. */
const LIMIT = 1000;

interface Entry {
  readonly key: string;
  readonly virqfd: Virqfd;
}

/** Implements VFIO_DEVICE_IOEVENTFD: a signal to an eventfd writes a value to a register. */
export class Ioeventfds {
  readonly #hardware: HardwareFunction;
  readonly #regions: Regions;
  readonly #wide: boolean;
  readonly #entries: Entry[] = [];

  constructor(hardware: HardwareFunction, regions: Regions, { wideIoeventfd }: Profile) {
    this.#wide = wideIoeventfd;
    this.#hardware = hardware;
    this.#regions = regions;
  }

  set({ region, offset, width, value, eventfd }: IoeventfdRequest): void {
    this.#regions.checkIndex(region);
    if (width !== 1 && width !== 2 && width !== 4 && width !== 8) fail('EINVAL', IOEVENTFD);
    if (region > VFIO_PCI_BAR5_REGION_INDEX) fail('EINVAL', IOEVENTFD);
    const end = offset + width;
    if (end > this.#hardware.barSize(region)) fail('EINVAL', IOEVENTFD);
    const table = this.#regions.msixTable(region);
    if (table !== null && offset < table.end && end > table.start) fail('EINVAL', IOEVENTFD);
    if (width === 8 && !this.#wide) fail('EINVAL', IOEVENTFD);
    const data = BigInt.asUintN(8 * width, value);
    const key = `${region} ${offset} ${width} ${value}`;
    const found = this.#entries.findIndex((entry) => entry.key === key);
    if (eventfd === null) {
      const [removed] = found < 0 ? [] : this.#entries.splice(found, 1);
      if (removed === undefined) return fail('ENODEV', IOEVENTFD);
      removed.virqfd.release();
      return;
    }
    if (found >= 0) fail('EEXIST', IOEVENTFD);
    if (this.#entries.length >= LIMIT) fail('ENOSPC', IOEVENTFD);
    const virqfd = new Virqfd(mockEventfd(eventfd), () => {
      if (!this.#regions.isAccessible(region)) return;
      if (width === 8) this.#hardware.writeBar64(region, offset, data);
      else this.#hardware.writeBar(region, offset, width, Number(data));
    });
    this.#entries.push({ key, virqfd });
  }

  close(): void {
    for (const { virqfd } of this.#entries.splice(0)) virqfd.release();
  }
}
