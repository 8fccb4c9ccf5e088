/**
 * Serves the devices of the suite from another process, and lets the suite test the served devices.
 * A test file imports this module before the suite. In the lab, the devices are real devices.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';

const program = fileURLToPath(new URL('programs/serve-devices.js', import.meta.url));
const folder = temporaryFolder();
const { VFIO_LAB_NVME: nvme = 'mock:nvme', VFIO_LAB_EDU: edu = 'mock:edu' } = process.env;
process.env.VFIO_LAB_NVME = `vfio-user:${folder}/nvme.sock`;
process.env.VFIO_LAB_EDU = `vfio-user:${folder}/edu.sock`;

test.before('the servers listen', async () => {
  const server = fork(program, [folder, nvme, edu]);
  await once(server, 'message');
  // The server ends when this process ends.
  server.unref();
  server.channel?.unref();
});
