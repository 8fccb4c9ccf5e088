// Runs in a guest without interrupt remapping: what becomes of a copy when its interrupt moves to
// another CPU.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryStorage, MessageStore } from 'vfio';
import { E1000e, MSIX_LAYOUT } from '../e1000e.js';

const ALLOW = '/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts';

writeFileSync(ALLOW, 'Y');
const e1000e = await E1000e.open();
const { device } = e1000e;
const vector = device.interrupts.msix.request(0);
const store = new MessageStore(device, {
  layout: MSIX_LAYOUT,
  entries: 1,
  place: memoryStorage(new Uint8Array(16)),
});
store.fill(0, { index: 'msix', vector: 0 });
store.watch(50);

async function raise(): Promise<void> {
  const next = vector.next();
  await e1000e.raise();
  await next;
}

const text = ({ address, data }: { address: bigint; data: number }) =>
  `${address.toString(16)} ${data.toString(16)}`;

for (const cpu of [0, 1, 0]) {
  const { remapped } = device.messages.read('msix', 0);
  const before = text(store.read(0));
  vector.setAffinity([cpu]);
  const refreshed = once(store, 'refreshed').then(() => true);
  await raise();
  const moved = await Promise.race([refreshed, sleep(2000, false)]);
  await raise();
  const same = text(store.read(0)) === text(device.messages.read('msix', 0));
  console.log(JSON.stringify({ cpu, remapped, before, after: text(store.read(0)), moved, same }));
}
device.close();
