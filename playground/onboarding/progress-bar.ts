/** Progress on a terminal as a bar, elsewhere as a line now and then. */
import { SingleBar } from 'cli-progress';
import type { Progress } from './run.ts';

export interface ProgressView {
  update(progress: Progress, crashes: number): void;
  stop(): void;
}

/** So many states of those that are open are named. */
const statesShown = 3;

/** Lines are this far apart where there is no terminal. */
const lineIntervalMs = 1_000;

export function progressView(total: number, stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? bar(total, stream) : lines(total, stream);
}

function bar(total: number, stream: NodeJS.WriteStream): ProgressView {
  const format = '{bar} {value}/{total} merchants  {rate}/s  failed {failed}  crashes {crashes}  {open}';
  const view = new SingleBar({ format, stream, hideCursor: true, barsize: 30, clearOnComplete: false });
  const rate = rateMeter();
  view.start(total, 0, { rate: 0, failed: 0, crashes: 0, open: '' });
  return {
    update: ({ closed, failed, open }, crashes) => view.update(closed, { rate: rate(closed), failed, crashes, open: openText(open) }),
    stop: () => view.stop(),
  };
}

function lines(total: number, stream: NodeJS.WriteStream): ProgressView {
  const rate = rateMeter();
  let lastAtMs = performance.now();
  return {
    update: ({ closed, failed, open }, crashes) => {
      if (closed !== total && performance.now() - lastAtMs < lineIntervalMs) return;
      lastAtMs = performance.now();
      stream.write(
        `${closed}/${total} merchants  ${rate(closed)}/s  failed ${failed}  crashes ${crashes}  ${openText(open)}`.trimEnd() + '\n',
      );
    },
    stop: () => undefined,
  };
}

/** Where most of the open ones are. */
function openText(open: Progress['open']): string {
  return Object.entries(open)
    .slice(0, statesShown)
    .map(([state, count]) => `${state} ${count}`)
    .join(', ');
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
