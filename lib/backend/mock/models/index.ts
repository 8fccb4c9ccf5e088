import { dsa } from './dsa/index.js';
import { edu } from './edu.js';
import type { DeviceModel } from '../hardware/model.js';
import { nvme } from './nvme/index.js';
import { testdev } from './testdev.js';
import { virtioBlk } from './virtio/index.js';
import { wlan } from './wlan/index.js';

/** The models of the library. */
export const MODELS: readonly DeviceModel[] = [edu, nvme, testdev, dsa, wlan, virtioBlk];
