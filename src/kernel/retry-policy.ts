/**
 * How often and when an activity is tried. Option names and meaning follow Temporal's retry policies; full jitter follows
 * "Exponential Backoff And Jitter" (Marc Brooker, AWS Architecture Blog, 2015).
 */
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
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
}

/** {@link RetryOptions} with their defaults, durations in milliseconds. */
export interface RetryPolicy {
  readonly maximumAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maximumIntervalMs: number;
  readonly jitter: 'full' | 'none';
  readonly nonRetryableErrorTypes: readonly string[];
}

/**
 * Options with their defaults filled in.
 *
 * @throws TypeError naming the option and its value
 */
export function parseRetryPolicy(options: RetryOptions, what: string): RetryPolicy {
  if (typeof options !== 'object') {
    throw new TypeError(`${what}: retry must be an object such as { maximumAttempts: 3 }; found ${formatValue(options)}.`);
  }
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
  return {
    maximumAttempts,
    initialIntervalMs: parseDuration(options.initialInterval ?? '1s', `${what}: initialInterval`),
    backoffCoefficient,
    maximumIntervalMs: parseDuration(options.maximumInterval ?? '1m', `${what}: maximumInterval`),
    jitter,
    nonRetryableErrorTypes: parseErrorTypes(options.nonRetryableErrorTypes ?? [], what),
  };
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

/** Whether another attempt follows one that failed with an error of this class. */
export function isRetryable(policy: RetryPolicy, errorClass: string, chargedAttempts: number): boolean {
  return chargedAttempts < policy.maximumAttempts && !policy.nonRetryableErrorTypes.includes(errorClass);
}

/** Custom actions of a chart are tried again as activities are that say nothing else. */
export const actionsRetry: RetryPolicy = parseRetryPolicy({}, 'custom actions');
/** How long the custom actions of one step may take. */
export const actionsTimeoutMs = 60_000;
