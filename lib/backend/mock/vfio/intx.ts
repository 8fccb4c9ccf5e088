import { Intx, type IntxEventfds, type Resample } from '../../../contract/intx.js';
import { irqEventfds, type MockEventfd } from '../machine/eventfd.js';
import type { HardwareFunction } from '../hardware/function.js';
import { PCI_COMMAND, PCI_COMMAND_INTX_DISABLE } from '../hardware/pci.js';
import { Virqfd } from '../machine/virqfd.js';

const eventfds: IntxEventfds<MockEventfd> = {
  ...irqEventfds,
  watch: (eventfd, onSignal): Resample => {
    let ended = false;
    const virqfd = new Virqfd(eventfd, onSignal, () => {
      ended = true;
    });
    return {
      get ended() {
        return ended;
      },
      release: () => {
        virqfd.release();
      },
    };
  },
};

/**
 * Creates INTx of a function. Bit 10 of the function's own command register masks the pin.
 *
 * @param disabledByUser - returns bit 10 (INTx disable) of the user's command register
 */
export function mockIntx(
  hardware: HardwareFunction,
  disabledByUser: () => boolean,
): Intx<MockEventfd> {
  const pin = {
    get asserted() {
      return hardware.pin;
    },
    get disabledByUser() {
      return disabledByUser();
    },
    disable: (disabled: boolean) => {
      hardware.updateConfig(PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, disabled);
    },
  };
  return new Intx(pin, eventfds);
}
