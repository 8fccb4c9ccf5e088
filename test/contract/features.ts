import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { VfioError } from 'vfio';
import { checkLostWindow } from './lost-window.js';
import { EDU, NVME, withDevice } from './targets.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const PCI_VF_TOKEN = 0;
const MIGRATION = 1;
const READ_WRITE = 3;
const LOW_POWER_EXIT = 5;
const UNKNOWN = 0xfff;
/** Registers of edu. */
const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;

test.serial('probe() reports separately whether a feature supports get and set', async (t) => {
  await withDevice(t, NVME, ({ features }) => {
    t.deepEqual(features.probe(LOW_POWER_EXIT), { get: false, set: true });
    t.deepEqual(features.probe(MIGRATION), { get: false, set: false });
    t.deepEqual(features.probe(UNKNOWN), { get: false, set: false });
  });
});

test.serial('a call with an unknown feature number fails with ENOTTY', async (t) => {
  await withDevice(t, NVME, ({ features }) => {
    t.throws(() => features.get(UNKNOWN, 8), { instanceOf: VfioError, code: 'ENOTTY' });
    t.throws(
      () => {
        features.set(PCI_VF_TOKEN, new Uint8Array(16));
      },
      { instanceOf: VfioError, code: 'ENOTTY' },
    );
  });
});

test.serial('a device can enter and leave low power', async (t) => {
  await withDevice(t, NVME, ({ features }) => {
    features.enterLowPower();
    t.throws(
      () => {
        features.enterLowPower();
      },
      { instanceOf: VfioError, code: 'EINVAL' },
    );
    features.exitLowPower();
    features.exitLowPower();
  });
});

test.serial(
  'in low power, the next access to the device ends low power and signals the wake-up eventfd',
  async (t) => {
    await withDevice(t, NVME, async (device) => {
      const wakeup = device.createEventfd();
      device.features.enterLowPower({ wakeup });
      let woken = 0n;
      // The kernel suspends a device after a delay. An access before the device is suspended
      // signals no wake-up.
      for (let n = 0; n < 1000 && woken === 0n; n++) {
        await sleep(5);
        device.config.read32(0);
        woken = wakeup.read();
      }
      t.is(woken, 1n);
      device.config.read32(0);
      t.is(wakeup.read(), 0n);
      device.features.enterLowPower({ wakeup });
      device.features.exitLowPower();
      wakeup.close();
    });
  },
);

test.serial('the list of devices of a hot reset contains the device itself', async (t) => {
  await withDevice(t, EDU, (device) => {
    const { devices } = device.hotResetInfo();
    t.true(devices.some(({ name }) => name === device.name));
  });
});

test.serial('a hot reset of a single device keeps its interrupts', async (t) => {
  await withDevice(t, EDU, async (device) => {
    const next = device.interrupts.msi.request(0).next();
    device.hotReset();
    using registers = device.bar(0).map();
    device.config.update('command', { bus_master: 1 });
    registers.write32(RAISE, 1);
    t.is(await next, 1n);
    registers.write32(ACKNOWLEDGE, 1);
  });
});

test.serial(
  'if opened by group, a hot reset that lists an unaffected device fails with EINVAL',
  async (t) => {
    await withDevice(t, EDU, async (device) => {
      await withDevice(t, NVME, (other) => {
        const reset = (): void => {
          device.hotReset([other]);
        };
        // By cdev, the ioctl takes no list of devices. The kernel checks the iommufd of each device
        // instead.
        if (device.via === 'cdev') t.notThrows(reset);
        else t.throws(reset, { instanceOf: VfioError, code: 'EINVAL' });
      });
    });
  },
);

test.serial('an ioeventfd writes a register when its eventfd is signalled', async (t) => {
  await withDevice(t, EDU, (device) => {
    using registers = device.bar(0).map();
    const eventfd = device.createEventfd();
    const request = { offset: 4, width: 4, value: 0x0ff0n, eventfd } as const;
    device.bar(0).ioeventfd(request);
    t.throws(
      () => {
        device.bar(0).ioeventfd(request);
      },
      { instanceOf: VfioError, code: 'EEXIST' },
    );
    eventfd.signal();
    t.is(registers.read32(4), ~0x0ff0 >>> 0);
    device.bar(0).ioeventfd({ ...request, eventfd: null });
    eventfd.close();
  });
});

test.serial(
  'an address space of a PASID needs a cdev, and is closed after its PASID',
  async (t) => {
    await withDevice(t, NVME, (device) => {
      if (device.via !== 'cdev') {
        t.throws(() => device.createAddressSpace(), { instanceOf: VfioError, code: 'ENOTSUP' });
        return;
      }
      const space = device.createAddressSpace();
      const memory = space.allocate(PAGE, false);
      t.deepEqual(space.ranges(), [{ start: 0n, end: 2n ** 64n - 1n }]);
      space.mapSync(memory, 0, BigInt(PAGE), 0n, READ_WRITE);
      device.attachPasid(7, { addressSpace: space });
      t.true((space.ranges().at(-1)?.end ?? 0n) < 2n ** 64n - 1n, 'the width of the IOMMU');
      space.mapSync(memory, 0, BigInt(PAGE), 0xfee0_0000n, READ_WRITE);
      t.throws(
        () => {
          space.close();
        },
        { instanceOf: VfioError, code: 'EBUSY' },
      );
      device.attachPasid(7);
      space.close();
      space.close();
      t.throws(() => space.ranges(), { instanceOf: VfioError, code: 'EBADF' });
      t.throws(
        () => {
          device.attachPasid(7, { addressSpace: space });
        },
        { instanceOf: VfioError, code: 'EBADF' },
      );
      device.detachPasid(7);
      memory.release();
    });
  },
);

test.serial('a PASID has 20 bits, and attaching a PASID needs a cdev', async (t) => {
  await withDevice(t, NVME, (device) => {
    t.throws(
      () => {
        device.attachPasid(1 << 20);
      },
      { instanceOf: RangeError },
    );
    if (device.via === 'cdev') {
      device.attachPasid(7);
      device.detachPasid(7);
    } else {
      t.throws(
        () => {
          device.attachPasid(7);
        },
        { instanceOf: VfioError, code: 'ENOTSUP' },
      );
    }
  });
});

test.serial('low power: a mapping reads all ones and drops writes, then recovers', async (t) => {
  await checkLostWindow(
    t,
    ({ features }) => {
      features.enterLowPower();
    },
    ({ features }) => {
      features.exitLowPower();
    },
  );
});
