// npm run bench:client: compares a read of configuration space through the protocol vfio-user with
// a round trip of the same bytes in C. Client and server are two processes in both cases.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openConnection } from '../../lib/index.js';
import type { Benchmark } from '../lib/measure.js';
import { runAsCommand } from '../lib/report.js';

const TURNS = 20_000;
const CONFIG = 7;

const folder = mkdtempSync(join(tmpdir(), 'vfio-bench-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

const source = fileURLToPath(new URL('../../../bench/c/ping-pong.c', import.meta.url));
const pingPong = join(folder, 'ping-pong');
execFileSync('gcc', ['-O2', '-o', pingPong, source]);

const server = fork(fileURLToPath(new URL('server.js', import.meta.url)), [join(folder, 's')]);
await once(server, 'message');
const connection = await openConnection(`vfio-user:${join(folder, 's')}`);

const reads: Benchmark = {
  title: 'config read by vfio-user',
  unit: 'ns',
  contenders: [
    { name: 'C', run: () => Number(execFileSync(pingPong, [String(TURNS)], { encoding: 'utf8' })) },
    {
      name: 'vfio',
      run() {
        const start = process.hrtime.bigint();
        for (let turn = 0; turn < TURNS; turn++) connection.load(CONFIG, 0, 4);
        return Number(process.hrtime.bigint() - start) / TURNS;
      },
    },
  ],
  goals: [{ of: 'vfio', to: 'C', atMost: 1.5 }],
};

await runAsCommand('served-reads', 'vfio-user compared with C', [reads]);
connection.close();
server.disconnect();
