import type { DeviceModel } from '../hardware/model.js';
import type { IDENTITIES } from './identities.js';
import { registry } from './registry.js';

const LOADERS = {
  edu: async () => (await import('./edu.js')).edu,
  nvme: async () => (await import('./nvme/index.js')).nvme,
  testdev: async () => (await import('./testdev.js')).testdev,
  dsa: async () => (await import('./dsa/index.js')).dsa,
  wlan: async () => (await import('./wlan/index.js')).wlan,
  'virtio-blk': async () => (await import('./virtio/index.js')).virtioBlk,
} as const satisfies Readonly<Record<keyof typeof IDENTITIES, () => Promise<DeviceModel>>>;

function isLoadable(name: string): name is keyof typeof LOADERS {
  return Object.hasOwn(LOADERS, name);
}

/** Loads the model of the library with this name. Any other name has no effect. */
export async function loadModel(name: string): Promise<void> {
  if (isLoadable(name)) registry.provide(await LOADERS[name]());
}
