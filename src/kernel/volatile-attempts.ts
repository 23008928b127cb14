/** Attempts of an activity where nothing is durable: a plain `createActor`, in a browser or a test. Same arithmetic, ordinary timers. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import { startToCloseTimeout } from './activity-descriptor.ts';
import { failureOf } from './failure.ts';
import { backoffMs, isRetryable } from './retry-policy.ts';

/** Longer delays make an ordinary timer fire at once. */
const timerMsMax = 2 ** 31 - 1;

type Attempt = (attempt: number, signal: AbortSignal) => unknown;

/** Runs attempts until one succeeds, the policy gives up (the last error is thrown) or `signal` fires. */
export async function runWithRetries(descriptor: ActivityDescriptor, run: Attempt, signal: AbortSignal): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runOnce(descriptor, run, attempt, signal);
    } catch (error) {
      if (signal.aborted || !isRetryable(descriptor.retry, failureOf(error).class, attempt)) throw error;
      await pause(backoffMs(descriptor.retry, attempt, Math.random()), signal);
    }
  }
}

async function runOnce(descriptor: ActivityDescriptor, run: Attempt, attempt: number, signal: AbortSignal): Promise<unknown> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    // Nobody waits for it any more: code that never ends must not keep the process alive.
    clearTimeout(timer);
    controller.abort('state-left');
  };
  signal.addEventListener('abort', stop, { once: true });
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        // First of all, since code that ends when it is aborted would otherwise name its own end as the reason.
        reject(startToCloseTimeout(descriptor.startToCloseTimeoutMs));
        controller.abort('timeout');
      },
      Math.min(descriptor.startToCloseTimeoutMs, timerMsMax),
    );
  });
  try {
    return await Promise.race([Promise.resolve(run(attempt, controller.signal)), timedOut]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', stop);
        resolve();
      },
      Math.min(milliseconds, timerMsMax),
    );
    const stop = (): void => {
      clearTimeout(timer);
      reject(new Error('The state was left.'));
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}
