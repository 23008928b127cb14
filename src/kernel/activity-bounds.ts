/** The optional bounds of an activity: how long as a whole, how silent, how many at once, how often. */
import type { ActivityDescriptor, RateLimit } from './activity-descriptor.ts';
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
import { checkOptions } from './options.ts';
import { formatValue } from './value-encoding.ts';

/** A rate. */
export interface RateLimitOptions {
  /** A whole number from 1. */
  readonly count: number;
  /** More than 0. */
  readonly per: Duration;
}

interface BoundOptions {
  readonly scheduleToCloseTimeout?: Duration;
  readonly heartbeatTimeout?: Duration;
  readonly maxConcurrentAttempts?: number;
  readonly rateLimit?: RateLimitOptions;
}

type Bounds = Pick<ActivityDescriptor, 'scheduleToCloseTimeoutMs' | 'heartbeatTimeoutMs' | 'maxConcurrentAttempts' | 'rateLimit'>;

/** @throws TypeError naming the option and its value */
export function parseBounds(options: BoundOptions, what: string): Bounds {
  const { scheduleToCloseTimeout, heartbeatTimeout, maxConcurrentAttempts, rateLimit } = options;
  return {
    ...(scheduleToCloseTimeout === undefined
      ? {}
      : { scheduleToCloseTimeoutMs: parseDuration(scheduleToCloseTimeout, `${what}: scheduleToCloseTimeout`) }),
    ...(heartbeatTimeout === undefined ? {} : { heartbeatTimeoutMs: parseDuration(heartbeatTimeout, `${what}: heartbeatTimeout`) }),
    ...(maxConcurrentAttempts === undefined
      ? {}
      : { maxConcurrentAttempts: parseCount(maxConcurrentAttempts, `${what}: maxConcurrentAttempts`) }),
    ...(rateLimit === undefined ? {} : { rateLimit: parseRateLimit(rateLimit, what) }),
  };
}

/** @throws TypeError naming the option and its value */
export function parseRateLimit(options: RateLimitOptions, what: string): RateLimit {
  checkOptions<RateLimitOptions>(options, `${what}: rateLimit`, { count: true, per: true }, "{ count: 10, per: '1s' }");
  const perMs = parseDuration(options.per, `${what}: rateLimit.per`);
  if (perMs === 0) throw new TypeError(`${what}: rateLimit.per must be longer than 0.`);
  return { count: parseCount(options.count, `${what}: rateLimit.count`), perMs };
}

function parseCount(count: unknown, what: string): number {
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1) return count;
  throw new TypeError(`${what} must be a whole number from 1; found ${formatValue(count)}.`);
}
