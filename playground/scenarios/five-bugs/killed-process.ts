/** Processes that are killed with SIGKILL, as a power cut or the kernel would. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Stage } from '../scenario.ts';
import type { AccountJob, AccountNews } from './account-process.ts';

const file = fileURLToPath(new URL('./account-process.ts', import.meta.url));

/** Starts one and waits until it is so far. */
export async function startProcess(stage: Stage, job: AccountJob, until: AccountNews): Promise<ChildProcess> {
  const child = fork(file, [JSON.stringify(job)]);
  const exited = once(child, 'exit');
  stage.atEnd(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await new Promise<void>((resolve, reject) => {
    child.on('message', (news: AccountNews) => {
      if (news === until) resolve();
    });
    child.once('exit', (code) => reject(new Error(`A process of the scenario ended with ${code} before it was ${until}.`)));
  });
  if (until === 'done') await exited;
  return child;
}

export async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
