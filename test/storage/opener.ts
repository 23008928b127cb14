/**
 * Runs in a process or a thread of its own: opens the store it is told to, says what came of it, and holds it until its input
 * ends (a process) or it is sent a message (a thread).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { PerdureError } from '../../src/kernel/errors.ts';
import { openLevelStore } from '../../src/storage/open-level-store.ts';
import { sampleBatch, sampleCommit } from './samples.ts';

export interface OpenerReport {
  readonly code: string;
  readonly message: string;
}

const port = parentPort;
const path = port === null ? process.argv[2] : String(workerData);
const report = (code: string, message = ''): void => {
  const line: OpenerReport = { code, message };
  if (port === null) process.stdout.write(`${JSON.stringify(line)}\n`);
  else port.postMessage(line);
};

try {
  const store = await openLevelStore({ path: path ?? '' });
  if (store.lastCommit === 0) await store.write(sampleBatch(1, [sampleCommit(1)]));
  report('open');
  await new Promise<void>((resolve) => {
    if (port === null) process.stdin.once('close', resolve).resume();
    else port.once('message', () => resolve());
  });
  await store.close();
  report('closed');
} catch (error) {
  if (error instanceof PerdureError) report(error.code, error.message);
  else report('unexpected', String(error));
}
port?.close();
