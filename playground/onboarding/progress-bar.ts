/** Progress on a terminal as a bar, elsewhere as a line now and then. */
import { SingleBar } from 'cli-progress';
import type { Progress } from './run.ts';

export interface ProgressView {
  update(progress: Progress, crashes: number): void;
  stop(): void;
}

/** Lines are this far apart where there is no terminal. */
const lineIntervalMs = 1_000;

export function progressView(total: number, stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? bar(total, stream) : lines(total, stream);
}

function bar(total: number, stream: NodeJS.WriteStream): ProgressView {
  const format = '{bar} {value}/{total} merchants  {rate}/s  failed {failed}  crashes {crashes}';
  const view = new SingleBar({ format, stream, hideCursor: true, barsize: 30, clearOnComplete: false });
  const rate = rateMeter();
  view.start(total, 0, { rate: 0, failed: 0, crashes: 0 });
  return {
    update: ({ closed, failed }, crashes) => view.update(closed, { rate: rate(closed), failed, crashes }),
    stop: () => view.stop(),
  };
}

function lines(total: number, stream: NodeJS.WriteStream): ProgressView {
  const rate = rateMeter();
  let lastAtMs = performance.now();
  return {
    update: ({ closed, failed }, crashes) => {
      if (closed !== total && performance.now() - lastAtMs < lineIntervalMs) return;
      lastAtMs = performance.now();
      stream.write(`${closed}/${total} merchants  ${rate(closed)}/s  failed ${failed}  crashes ${crashes}\n`);
    },
    stop: () => undefined,
  };
}

/** Merchants a second since the beginning; those that were closed before do not count. */
function rateMeter(): (closed: number) => number {
  const startedAtMs = performance.now();
  let before: number | undefined;
  return (closed) => {
    before ??= closed;
    return Math.round(((closed - before) / Math.max(1, performance.now() - startedAtMs)) * 1_000);
  };
}
