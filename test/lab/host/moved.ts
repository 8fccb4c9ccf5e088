// Runs in a guest without interrupt remapping. Checks a copy of a message after the interrupt has
// moved to another CPU.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
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
// This timer keeps the process alive between two interrupts.
const alive = setInterval(() => undefined, 1000);

async function raise(): Promise<void> {
  const next = vector.next();
  await e1000e.raise();
  await next;
}

const text = ({ address, data }: { address: bigint; data: number }) =>
  `${address.toString(16)} ${data.toString(16)}`;
const now = () => text(device.messages.read('msix', 0));

// The interrupt starts on CPU 0.
vector.setAffinity([0]);
await raise();
store.refresh();
for (const cpu of [1, 0, 1]) {
  const { remapped } = device.messages.read('msix', 0);
  const before = now();
  const refreshed = once(store, 'refreshed');
  vector.setAffinity([cpu]);
  const waits = now() === before;
  await raise();
  await refreshed;
  await raise();
  const copy = text(store.read(0));
  console.log(JSON.stringify({ cpu, remapped, before, waits, after: now(), copy }));
}
clearInterval(alive);
device.close();
