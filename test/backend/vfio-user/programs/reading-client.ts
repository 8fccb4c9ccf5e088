// A thread with a client. It reads once from the device of its name, and reports what it saw.
import { parentPort, workerData } from 'node:worker_threads';
import { readOnce } from '../failed-read.js';

parentPort?.postMessage(await readOnce(String(workerData)));
