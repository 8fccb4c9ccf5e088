/**
 * Virtual DSAs for several guests, from one DSA. Each socket serves one virtual DSA to one guest, for
 * example to QEMU (docs/vfio-user.md). A guest sees one work queue, two MSI-X vectors, and a
 * configuration space of its own. The guest's vector 1 is a slot of the device's interrupt message
 * store. The device performs the guest's work with the guest's PASID, which reaches only the memory
 * and the slots of this guest. The example runs only on the mock. A real DSA receives descriptors by
 * special CPU instructions, which JavaScript cannot run.
 *
 * The example imports files of this project that the package does not export. In a clone of the
 * project, after `npm run build`:
 *
 *   node dist/examples/virtual-dsa.js one.sock two.sock
 */
import { once } from 'node:events';
import { type DeviceServer, openDevice, serveDevice } from 'vfio';
import { DsaHost } from '../lib/demo/dsa/host.js';
import { VirtualDsa } from '../lib/demo/dsa/virtual.js';

/** A PASID of the guest that the host has bound. A guest writes this PASID to MSIX_PERM. */
const GUEST_PASID = 5;

const sockets = process.argv.slice(2);
if (sockets.length === 0) {
  console.error('usage: virtual-dsa <socket>...');
  process.exit(2);
}

/** Serves a virtual DSA to one guest after the other. */
async function serve(virtual: VirtualDsa, socket: string): Promise<DeviceServer> {
  const server = await serveDevice(virtual.device, { socket, ...virtual.serveOptions });
  server.on('client', ({ pid }) => {
    console.log(`${socket}: process ${pid} has connected`);
  });
  server.on('gone', (why) => {
    console.log(`${socket}: ${why}`);
  });
  for (const event of ['unshared', 'error'] as const) {
    server.on(event, (error: Error) => {
      console.error(`${socket}: ${error.message}`);
    });
  }
  console.log(`serving ${virtual.device.name} at ${server.path}`);
  return server;
}

// Address spaces for PASIDs need iommufd, so the example opens the device via its character device.
const device = await openDevice('mock:dsa', { via: 'cdev' });
const host = new DsaHost(device);
const guests: { readonly virtual: VirtualDsa; readonly server: DeviceServer }[] = [];
try {
  for (const socket of sockets) {
    const virtual = new VirtualDsa(host);
    virtual.bindPasid(GUEST_PASID);
    guests.push({ virtual, server: await serve(virtual, socket) });
  }
  await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
} finally {
  for (const { virtual, server } of guests) {
    await server.close();
    virtual.close();
  }
  host.close();
  device.close();
}
