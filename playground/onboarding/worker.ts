/** The process that `--crash` kills: one onboarding run, told by its parent what to do. */
import { stopOnInterrupt } from './interrupt.ts';
import type { WorkerMessage } from './crash.ts';
import type { RunOptions } from './run.ts';
import { onboard, readInputs } from './run.ts';

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

const options = JSON.parse(process.argv[2] ?? '{}') as RunOptions;
const { signal, stop } = stopOnInterrupt();
// A parent that died can neither kill nor ask: what is under way is kept, and the next run goes on with it.
process.once('disconnect', stop);
try {
  const isComplete = await onboard(await readInputs(options), options, (progress) => tell({ kind: 'progress', progress }), signal);
  process.exitCode = isComplete ? 0 : 130;
} catch (error) {
  tell({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
process.removeListener('disconnect', stop);
if (process.connected) process.disconnect();
