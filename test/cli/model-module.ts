import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { root } from '../native/helpers.js';

/** Returns the text of a JavaScript module that registers a device model. */
export function modelModule(name: string): string {
  const mock = pathToFileURL(join(root, 'dist/lib/mock.js')).href;
  return `import { registerModel } from '${mock}';
    registerModel({
      name: '${name}',
      shape: { vendorId: 0x4711, deviceId: 1, classCode: 0xff0000, bars: [] },
      create: () => ({ registers: {}, reset() {} }),
    });`;
}
