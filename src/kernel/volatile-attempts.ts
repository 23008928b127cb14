/** Attempts of an activity where nothing is durable: a plain `createActor`, in a browser or a test. Same arithmetic, ordinary timers. */
import type { AbortReason, ActivityDescriptor, ActivityScope } from './activity-descriptor.ts';
import { hasErrorCode } from './errors.ts';
import { heartbeatTimeout, scheduleToCloseTimeout, startToCloseTimeout } from './engine-errors.ts';
import { failureOf } from './failure.ts';
import { backoffMs, isRefusedRetry, isRetryable, nextRetryDelayMs } from './retry-policy.ts';
import { decodeValue } from './value-decoding.ts';
import { encodePayload } from './value-encoding.ts';
import type { Json } from './json.ts';

/** Longer delays make an ordinary timer fire at once. */
const timerMsMax = 2 ** 31 - 1;

/** What an attempt is given besides its input and key. */
export type AttemptGiven = Pick<ActivityScope<unknown>, 'attempt' | 'signal' | 'heartbeat' | 'heartbeatDetails'>;

/** What attempts go by, of an activity or of its undo. */
export type AttemptPolicy = Pick<ActivityDescriptor, 'retry' | 'startToCloseTimeoutMs' | 'scheduleToCloseTimeoutMs' | 'heartbeatTimeoutMs'>;

/** Runs attempts until one succeeds, the policy gives up or `signal` fires: then the last error is thrown. */
export async function runWithRetries(
  descriptor: AttemptPolicy,
  run: (given: AttemptGiven) => unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const endsAtMs = performance.now() + (descriptor.scheduleToCloseTimeoutMs ?? Infinity);
  let details: Json | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const watch = new AttemptWatch(descriptor, endsAtMs, details);
    try {
      return await watch.run(run, attempt, signal);
    } catch (error) {
      if (signal.aborted || watch.isFinal(error, attempt)) throw error;
      const delayMs = nextRetryDelayMs(error) ?? backoffMs(descriptor.retry, attempt, Math.random());
      if (performance.now() + delayMs >= endsAtMs) throw error;
      ({ details } = watch);
      await pause(delayMs, signal);
      if (signal.aborted) throw error;
    }
  }
}

/** One attempt and its time-outs. */
class AttemptWatch {
  readonly #descriptor: AttemptPolicy;
  readonly #endsAtMs: number;
  readonly #controller = new AbortController();
  readonly #timers = new Map<AbortReason, ReturnType<typeof setTimeout>>();
  #fail: (error: Error) => void = () => undefined;
  details: Json | undefined;

  constructor(descriptor: AttemptPolicy, endsAtMs: number, details: Json | undefined) {
    this.#descriptor = descriptor;
    this.#endsAtMs = endsAtMs;
    this.details = details;
  }

  async run(run: (given: AttemptGiven) => unknown, attempt: number, left: AbortSignal): Promise<unknown> {
    // XState gives no reason when a state is left.
    const stop = (): void => this.#end(left.reason === 'closed' ? 'closed' : 'state-left');
    left.addEventListener('abort', stop, { once: true });
    const { startToCloseTimeoutMs, scheduleToCloseTimeoutMs = Infinity } = this.#descriptor;
    const timedOut = new Promise<never>((_, reject) => (this.#fail = reject));
    this.#setTimer('start-to-close-timeout', startToCloseTimeoutMs, () => startToCloseTimeout(startToCloseTimeoutMs));
    this.#setTimer('schedule-to-close-timeout', this.#endsAtMs - performance.now(), () => scheduleToCloseTimeout(scheduleToCloseTimeoutMs));
    this.#awaitSign();
    const heartbeat = (details?: unknown): void => this.#beat(details);
    const heartbeatDetails = this.details === undefined ? undefined : decodeValue(this.details);
    const given = { attempt, signal: this.#controller.signal, heartbeat, heartbeatDetails };
    try {
      return await Promise.race([Promise.resolve(run(given)), timedOut]);
    } finally {
      // Nobody waits for it any more: code that never ends must not keep the process alive.
      this.#clear();
      left.removeEventListener('abort', stop);
    }
  }

  /** Whether no attempt follows on this one, which failed with `error`. */
  isFinal(error: unknown, attempt: number): boolean {
    const { retry } = this.#descriptor;
    const { signal } = this.#controller;
    if (signal.aborted ? signal.reason === 'schedule-to-close-timeout' : isRefusedRetry(retry, error)) return true;
    if (hasErrorCode(error, 'DURABLE_HOST_NEEDED')) return true;
    return !isRetryable(retry, failureOf(error).class, attempt);
  }

  #beat(details: unknown): void {
    const json = details === undefined ? undefined : encodePayload(details, 'heartbeat details');
    if (this.#controller.signal.aborted) return;
    if (json !== undefined) this.details = json;
    if (this.#timers.has('heartbeat-timeout')) this.#awaitSign();
  }

  #awaitSign(): void {
    const timeoutMs = this.#descriptor.heartbeatTimeoutMs ?? Infinity;
    this.#setTimer('heartbeat-timeout', timeoutMs, () => heartbeatTimeout(timeoutMs));
  }

  #setTimer(reason: AbortReason, delayMs: number, error: () => Error): void {
    clearTimeout(this.#timers.get(reason));
    if (delayMs === Infinity) return;
    const fire = (): void => {
      // First of all, since code that ends when it is aborted would otherwise name its own end as the reason.
      this.#fail(error());
      this.#end(reason);
    };
    this.#timers.set(reason, setTimeout(fire, Math.min(Math.max(0, delayMs), timerMsMax)));
  }

  #end(reason: AbortReason): void {
    this.#clear();
    this.#controller.abort(reason);
  }

  #clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** Until the time has passed or the signal fires. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(stop, Math.min(milliseconds, timerMsMax));
    signal.addEventListener('abort', stop, { once: true });
  });
}
