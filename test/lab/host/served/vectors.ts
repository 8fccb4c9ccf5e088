// Runs in the guest. Raises the interrupt of each vector, and prints which vectors delivered.
import { openDevice, type VectorIndex } from 'vfio';
import { enable } from '../../../contract/targets.js';

/** Offset of the register that raises an interrupt (test/serve/card.ts). */
const SIGNAL = 0;

const device = await openDevice(process.env.VFIO_LAB_SERVED ?? '');
enable(device);
const registers = device.bar(0).map();

async function signalAll(name: string, index: VectorIndex): Promise<void> {
  const delivered: number[] = [];
  const vectors = Array.from({ length: index.count }, (_, n) => {
    const vector = index.request(n);
    vector.on('interrupt', () => delivered.push(n));
    return vector;
  });
  for (const [n, vector] of vectors.entries()) {
    const next = vector.next();
    registers.write32(SIGNAL, n);
    await next;
  }
  console.log(`${name}: ${delivered.join()}`);
  index.disable();
}

await signalAll('MSI', device.interrupts.msi);
await signalAll('MSI-X', device.interrupts.msix);
device.close();
