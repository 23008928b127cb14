/** One attempt, and what it came to as the envelope that tells its actor. Hosts say when and where; what its end means is said here. */
import type { AbortReason, ActivityDescriptor, ActivityScope } from './activity-descriptor.ts';
import type { Effect } from './commit.ts';
import type { Envelope } from './envelope.ts';
import { failedOutcome } from './failure.ts';
import type { Json } from './json.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { isRefusedRetry, nextRetryDelayMs } from './retry-policy.ts';
import { decodeValue } from './value-decoding.ts';
import { encodePayload } from './value-encoding.ts';
import { PerdureError } from './errors.ts';

export type AttemptOutcome = Extract<Envelope, { readonly attempt: number }>;

export type RunAttempt = Extract<Effect, { kind: 'run-attempt' }>;

/** What a host lends one attempt. */
export interface AttemptHost {
  readonly signal: AbortSignal;
  /** A sign of life, perhaps with details. */
  readonly heartbeat: (details: Json | undefined) => void;
  /** Resolves with the attempt's token once it is on disk that its outcome comes from outside. */
  readonly handOver: () => Promise<string>;
}

/** Runs the code of one attempt. Never rejects; undefined if its end says nothing new. */
export async function makeAttempt(
  effect: RunAttempt,
  descriptor: ActivityDescriptor,
  host: AttemptHost,
): Promise<AttemptOutcome | undefined> {
  const { n, attempt } = effect;
  const handOver = new HandOver(host);
  let output: unknown;
  try {
    output = await descriptor.run?.(scopeOf(effect, host, handOver));
    if (handOver.asked === undefined) return attemptCompleted(n, attempt, output);
    await handOver.asked;
  } catch (error) {
    const reason = host.signal.aborted ? (host.signal.reason as AbortReason) : undefined;
    // Handed over, it is not given back: its token may be on its way.
    if (handOver.isDone && reason === 'shutdown') return undefined;
    return attemptThrew(n, attempt, error, reason, descriptor.retry);
  }
  return undefined;
}

/** What `completeLater` of one attempt came to. */
class HandOver {
  readonly #host: AttemptHost;
  /** Set once it was asked for. */
  asked: Promise<never> | undefined;
  isDone = false;

  constructor(host: AttemptHost) {
    this.#host = host;
  }

  ask(request: (token: string) => unknown): Promise<never> {
    if (this.asked === undefined) {
      this.asked = this.#handOver(request);
      // Code that does not wait for it hears of its failure from the attempt, and not as an unhandled rejection.
      this.asked.catch(() => undefined);
    }
    return this.asked;
  }

  async #handOver(request: (token: string) => unknown): Promise<never> {
    const token = await this.#host.handOver();
    this.isDone = true;
    await request(token);
    // Typed as never, since what the attempt comes to is none of its code's business any more.
    return undefined as never;
  }
}

const ownHost = Symbol('host');

/**
 * The signal of a scope, asked for when it is looked at: hosts make it then. One function for all scopes, so that all are objects of
 * one shape; by a key of the scope, since users may stand a proxy or an heir before it.
 */
const signalOfScope: PropertyDescriptor & ThisType<{ readonly [ownHost]: AttemptHost }> = {
  enumerable: true,
  configurable: true,
  get() {
    return this[ownHost].signal;
  },
};

function scopeOf(
  { input, idempotencyKey, attempt, heartbeatDetails, retryKey = idempotencyKey }: RunAttempt,
  host: AttemptHost,
  handOver: HandOver,
): ActivityScope<unknown> {
  const scope: Omit<ActivityScope<unknown>, 'signal'> = {
    input: decodeValue(input),
    idempotencyKey: retryKey,
    attempt,
    heartbeat: (details) => host.heartbeat(details === undefined ? undefined : encodePayload(details, 'heartbeat details')),
    heartbeatDetails: heartbeatDetails === undefined ? undefined : decodeValue(heartbeatDetails),
    completeLater: (request) => handOver.ask(request),
  };
  // Not to be seen: whoever copies the scope copies the signal.
  Object.defineProperty(scope, ownHost, { value: host });
  return Object.defineProperty(scope, 'signal', signalOfScope) as typeof scope & Pick<ActivityScope<unknown>, 'signal'>;
}

/** An output that cannot be stored is a failure of the activity, and trying again would not change it. */
export function attemptCompleted(n: number, attempt: number, output: unknown): AttemptOutcome {
  try {
    return { kind: 'attempt-completed', n, attempt, output: encodePayload(output, 'output') };
  } catch (error) {
    // An error's class is its name, for the chart as for the record: here the code says more than the name.
    const named = error instanceof PerdureError ? Object.defineProperty(error, 'name', { value: (error as PerdureError).code }) : error;
    const outcome = failedOutcome(named);
    return { kind: 'attempt-failed', n, attempt, ...outcome, failure: { ...outcome.failure, retryable: false } };
  }
}

/**
 * @param abortReason the reason of the attempt's signal if it had fired; then an error says nothing new
 * @param policy whose code is asked here, where the error still is what was thrown: later it is data
 */
export function attemptThrew(
  n: number,
  attempt: number,
  error: unknown,
  abortReason: AbortReason | undefined,
  policy: RetryPolicy,
): AttemptOutcome | undefined {
  if (abortReason !== undefined) return abortReason === 'shutdown' ? { kind: 'attempt-released', n, attempt, hasBegun: true } : undefined;
  return attemptFailure(n, attempt, error, policy);
}

/** What a thrown value means to its actor, with what only the value itself can say. */
export function attemptFailure(n: number, attempt: number, error: unknown, policy: RetryPolicy): AttemptOutcome {
  const outcome = failedOutcome(error);
  const delayMs = nextRetryDelayMs(error);
  return {
    kind: 'attempt-failed',
    n,
    attempt,
    ...outcome,
    ...(isRefusedRetry(policy, error) ? { failure: { ...outcome.failure, retryable: false } } : {}),
    ...(delayMs === undefined ? {} : { nextRetryDelayMs: delayMs }),
  };
}
