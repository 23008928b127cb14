/**
 * How often and when an activity is tried. Option names and meaning follow Temporal's retry policies; full jitter follows
 * "Exponential Backoff And Jitter" (Marc Brooker, AWS Architecture Blog, 2015).
 */
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import { formatValue } from './value-encoding.ts';

/** How often and when an activity is tried. */
export interface RetryOptions {
  /** Attempts in all, the first included. Default 10; 1 means at most once; `Infinity` never gives up. */
  readonly maximumAttempts?: number;
  /** Upper bound of the wait before the second attempt. Default 1 s. */
  readonly initialInterval?: Duration;
  /** What the bound is multiplied by for each further attempt. Default 2. */
  readonly backoffCoefficient?: number;
  /** The bound never grows beyond this. Default 1 min. */
  readonly maximumInterval?: Duration;
  /** `full`: wait a random part of the bound, so that what failed together does not come back together. Default `full`. */
  readonly jitter?: 'full' | 'none';
  /** Names of errors that are final at once. Default none. */
  readonly nonRetryableErrorTypes?: readonly string[];
  /**
   * Asked of an error that `run` threw, where it was thrown: a falsy answer makes it final. If it throws itself, the rest of the policy
   * decides. Time-outs and lost attempts are not put to it; name those in `nonRetryableErrorTypes`. Default: every error is tried again.
   */
  readonly retryIf?: (error: unknown) => boolean;
}

/** {@link RetryOptions} with their defaults, durations in milliseconds. */
export interface RetryPolicy {
  readonly maximumAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maximumIntervalMs: number;
  readonly jitter: 'full' | 'none';
  readonly nonRetryableErrorTypes: readonly string[];
  readonly retryIf?: (error: unknown) => boolean;
}

const retryOptions: OptionNames<RetryOptions> = {
  maximumAttempts: true,
  initialInterval: true,
  backoffCoefficient: true,
  maximumInterval: true,
  jitter: true,
  nonRetryableErrorTypes: true,
  retryIf: true,
};

/**
 * Options with their defaults filled in.
 *
 * @throws TypeError naming the option and its value
 */
export function parseRetryPolicy(options: RetryOptions, what: string): RetryPolicy {
  checkOptions(options, `${what}: retry`, retryOptions, '{ maximumAttempts: 3 }');
  return withDefaults(options, what);
}

function withDefaults(options: RetryOptions, what: string): RetryPolicy {
  const maximumAttempts = options.maximumAttempts ?? 10;
  if (!(maximumAttempts >= 1) || (maximumAttempts !== Infinity && !Number.isInteger(maximumAttempts))) {
    throw new TypeError(`${what}: maximumAttempts must be a whole number from 1, or Infinity; found ${String(maximumAttempts)}.`);
  }
  const backoffCoefficient = options.backoffCoefficient ?? 2;
  if (!(backoffCoefficient >= 1 && backoffCoefficient < Infinity)) {
    throw new TypeError(`${what}: backoffCoefficient must be a finite number from 1; found ${String(backoffCoefficient)}.`);
  }
  const jitter: unknown = options.jitter ?? 'full';
  if (jitter !== 'full' && jitter !== 'none') {
    throw new TypeError(`${what}: jitter must be 'full' or 'none'; found ${JSON.stringify(jitter)}.`);
  }
  const { retryIf } = options;
  if (retryIf !== undefined && typeof retryIf !== 'function') {
    throw new TypeError(`${what}: retryIf must be a function such as (error) => …; found ${formatValue(retryIf)}.`);
  }
  return {
    maximumAttempts,
    initialIntervalMs: parseDuration(options.initialInterval ?? '1s', `${what}: initialInterval`),
    backoffCoefficient,
    maximumIntervalMs: parseDuration(options.maximumInterval ?? '1m', `${what}: maximumInterval`),
    jitter,
    nonRetryableErrorTypes: parseErrorTypes(options.nonRetryableErrorTypes ?? [], what),
    ...(retryIf === undefined ? {} : { retryIf }),
  };
}

/**
 * A policy with some of its options replaced.
 *
 * @throws TypeError naming the option and its value
 */
export function adjustRetryPolicy(policy: RetryPolicy, options: RetryOptions, what: string): RetryPolicy {
  const { initialIntervalMs: initialInterval, maximumIntervalMs: maximumInterval, ...others } = policy;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  // What was stored was checked when it was given.
  return withDefaults({ ...others, initialInterval, maximumInterval, ...given }, what);
}

/** A string would be searched for parts of itself, so that `Declined` made an error named `Decline` final, too. */
function parseErrorTypes(names: unknown, what: string): readonly string[] {
  const wanted = `${what}: nonRetryableErrorTypes must be an array of names of errors such as ['CardDeclined']`;
  if (!Array.isArray(names)) throw new TypeError(`${wanted}; found ${formatValue(names)}.`);
  const stranger = names.findIndex((name) => typeof name !== 'string');
  if (stranger !== -1) throw new TypeError(`${wanted}; found ${formatValue(names[stranger])} as item ${stranger}.`);
  return names as readonly string[];
}

/**
 * Whole milliseconds to wait after `failedAttempts` attempts.
 *
 * @param random a number in [0, 1)
 */
export function backoffMs(policy: RetryPolicy, failedAttempts: number, random: number): number {
  // Bounded, since no interval at all times infinity is no number.
  const growth = Math.min(policy.backoffCoefficient ** (failedAttempts - 1), Number.MAX_VALUE);
  const grown = policy.initialIntervalMs * growth;
  const bound = Math.min(grown, policy.maximumIntervalMs);
  return Math.ceil(policy.jitter === 'full' ? bound * random : bound);
}

/**
 * Milliseconds an error itself asks to be waited for, as its property `nextRetryDelay` (a {@link Duration}). Anything else there is
 * passed over: a failure must not fail.
 */
export function nextRetryDelayMs(error: unknown): number | undefined {
  try {
    const delay = (Object(error) as { readonly nextRetryDelay?: Duration }).nextRetryDelay;
    return delay === undefined ? undefined : Math.ceil(parseDuration(delay, 'nextRetryDelay'));
  } catch {
    return undefined;
  }
}

/** What the policy's own code says of an error. */
export function isRefusedRetry({ retryIf }: RetryPolicy, error: unknown): boolean {
  try {
    return retryIf !== undefined && !retryIf(error);
  } catch {
    return false;
  }
}

/** Whether another attempt follows one that failed with an error of this class. */
export function isRetryable(policy: RetryPolicy, errorClass: string, chargedAttempts: number): boolean {
  return chargedAttempts < policy.maximumAttempts && !policy.nonRetryableErrorTypes.includes(errorClass);
}
