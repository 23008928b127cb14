import type { RetryPolicy } from './retry-policy.ts';

/** What an activity's code is given for one attempt. */
export interface ActivityScope<Input> {
  readonly input: Input;
  /**
   * Equal for all attempts of this activity, and for no other: hand it to the service you call, so that it can recognise a repeat.
   * A durable host keeps it over restarts; a plain `createActor` draws one each time it starts the activity.
   */
  readonly idempotencyKey: string;
  /** 1 for the first attempt; grows also over attempts lost to a crash. */
  readonly attempt: number;
  /** Fires when nobody waits for the attempt any more; `reason` is one of {@link AbortReason}. */
  readonly signal: AbortSignal;
  /**
   * Says that the attempt is alive, and how far it got. With a `heartbeatTimeout` an attempt that is silent for longer is aborted and
   * tried again; the details, up to 1 MB encoded, are given to the next attempt as `heartbeatDetails`. Call it as often as
   * you like: a durable host writes details at most every second, and the last ones known when an attempt fails or times out.
   *
   * @throws PerdureError `PAYLOAD_…` for details that cannot be kept
   */
  readonly heartbeat: (details?: unknown) => void;
  /** The last details an earlier attempt gave to `heartbeat`, as far as they were kept; undefined if there are none. */
  readonly heartbeatDetails: unknown;
  /**
   * Hands the attempt over to the outside: what it comes to is told later, perhaps to another process, with
   * `runtime.activities.complete(token, output)` or `fail(token, error)`. `request` is called with the token once it is on
   * disk that the attempt outlives the process; what it throws is a failure of the attempt. Return what this returns:
   *
   *     run: ({ input, completeLater }) => completeLater((token) => gateway.askForApproval(input, { callback: token }))
   *
   * Time-outs go on, so that a reply that never comes is noticed; the place among the running attempts is given back.
   *
   * @throws PerdureError `DURABLE_HOST_NEEDED` in a plain `createActor`; `ATTEMPT_NOT_AWAITED` if the attempt is over already
   */
  readonly completeLater: (request: (token: string) => unknown) => Promise<never>;
}

/**
 * Why an attempt's `AbortSignal` fired.
 *
 * - `state-left`: the chart left the state that invoked the activity
 * - `start-to-close-timeout`, `heartbeat-timeout`: the attempt took too long or was silent for too long; another may follow
 * - `schedule-to-close-timeout`: the activity as a whole took too long; none follows
 * - `closed`: the workflow ended, was cancelled or terminated
 * - `settled`: the outcome was told from outside, by token or by hand
 * - `shutdown`: the process is closing; the attempt is given back and made again later
 */
export type AbortReason =
  'state-left' | 'start-to-close-timeout' | 'schedule-to-close-timeout' | 'heartbeat-timeout' | 'closed' | 'settled' | 'shutdown';

/** What the code of an undo is given for one attempt. */
export interface UndoScope<Input, Output> {
  /** What the activity was given; where a person retries the undo with another input, that one. */
  readonly input: Input;
  /** What it came to; undefined if that is not known. */
  readonly output: Output | undefined;
  /** `unknown`: an attempt began, and nothing says whether it took effect: it failed, timed out, or was left. */
  readonly outcome: 'completed' | 'unknown';
  /** Of an unknown outcome: the last error that was heard of, if there was any. */
  readonly error: unknown;
  /** Equal for all attempts of this undo, and for no other: that of the activity with `:undo` behind it. */
  readonly idempotencyKey: string;
  /** 1 for the first attempt of the undo. */
  readonly attempt: number;
  /** Fires when nobody waits for the attempt any more; `reason` is one of {@link AbortReason}. */
  readonly signal: AbortSignal;
}

/** What hosts read of an activity's undo. */
export interface UndoDescriptor {
  readonly run: ((scope: UndoScope<unknown, unknown>) => unknown) | undefined;
  readonly startToCloseTimeoutMs: number;
  readonly retry: RetryPolicy;
}

/** At most `count` attempts at once, and `count` more over each `perMs`, evenly. */
export interface RateLimit {
  readonly count: number;
  readonly perMs: number;
}

/** What hosts read off an activity's logic. */
export interface ActivityDescriptor {
  readonly kind: 'activity';
  /** It is XState's `fromPromise`, not an activity. */
  readonly isPlainPromise?: true;
  readonly name: string | undefined;
  readonly run: ((scope: ActivityScope<unknown>) => unknown) | undefined;
  /** `Infinity` for a plain promise. */
  readonly startToCloseTimeoutMs: number;
  readonly scheduleToCloseTimeoutMs?: number;
  readonly heartbeatTimeoutMs?: number;
  readonly retry: RetryPolicy;
  readonly maxConcurrentAttempts?: number;
  readonly rateLimit?: RateLimit;
  /** How what it did is undone. */
  readonly undo?: UndoDescriptor;
  /** Where no attempt follows, what comes of it is a person's decision. */
  readonly hasDeadLetter?: true;
  /** It was decided that there is no undo. */
  readonly isIrreversible?: true;
}

/** Where hosts find the descriptor; shared by all copies of this library in a process. */
export const durable: unique symbol = Symbol.for('perdure.logic') as never;

/** The descriptor of an activity's logic, or undefined for any other logic. */
export function activityDescriptor(logic: unknown): ActivityDescriptor | undefined {
  if (typeof logic !== 'object' || logic === null) return undefined;
  return (logic as { readonly [durable]?: ActivityDescriptor })[durable];
}
