// The guest enables more vectors than one message of QEMU has eventfds (16).
import test from 'ava';
import { runScript, Server } from './support.js';

test('a guest receives 32 MSI vectors and 20 MSI-X vectors of a served device', async (t) => {
  t.timeout(600_000);
  const card = ['--import', 'dist/test/serve/card.js', 'mock:serve-card'];
  const server = await Server.start(t, ...card);
  const { exitCode, lines, errors } = await runScript('vectors.sh', {
    serve: [`vfio-user:${server.path}`],
  });
  t.is(exitCode, 0, errors);
  const vectors = (count: number) => Array.from({ length: count }, (_, n) => n).join();
  t.deepEqual(lines.slice(-2), [`MSI: ${vectors(32)}`, `MSI-X: ${vectors(20)}`]);
  t.deepEqual(server.errors, []);
});
