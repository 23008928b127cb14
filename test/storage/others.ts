/** Other processes and threads that open a store. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { OpenerReport } from './opener.ts';

const openerUrl = new URL('./opener.ts', import.meta.url);
const opener = fileURLToPath(openerUrl);
const source = ['--import', 'tsx', '--conditions=perdure-source'];

export interface Other {
  /** What came of opening. */
  readonly opened: OpenerReport;
  /** Lets it close the store and waits for its end. */
  close(): Promise<void>;
  /** SIGKILL, or its like for a thread. */
  kill(): Promise<void>;
}

/** @param uid the user it runs as; only root may say so */
export async function openInProcess(path: string, uid?: number): Promise<Other> {
  const child: ChildProcess = spawn(process.execPath, [...source, opener, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid, env: { ...process.env, TMPDIR: '/tmp', HOME: '/tmp', TSX_DISABLE_CACHE: '1' } }),
  });
  const ended = once(child, 'exit');
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('The child has no pipes.');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const line = await lines.next();
  if (line.done === true) throw new Error('The child ended without a report.');
  return {
    opened: JSON.parse(line.value) as OpenerReport,
    async close() {
      stdin.end();
      await ended;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export async function openInThread(path: string): Promise<Other> {
  // A thread does not take `--import tsx` from its options, so it registers it itself.
  const tsx = import.meta.resolve('tsx/esm/api');
  const program = `import(${JSON.stringify(tsx)}).then(({ register }) => { register(); return import(${JSON.stringify(openerUrl.href)}); })`;
  const worker = new Worker(program, { eval: true, workerData: path });
  const ended = once(worker, 'exit');
  const [opened] = (await once(worker, 'message')) as [OpenerReport];
  return {
    opened,
    async close() {
      worker.postMessage('close', []);
      await ended;
    },
    async kill() {
      await worker.terminate();
    },
  };
}
