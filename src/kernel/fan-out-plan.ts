/** What a fan-out goes by: how many items at once, how many may fail, and what comes of more. Pure arithmetic. */
import type { FanOutCounts } from './item-record.ts';
import { limits } from './limits.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import { formatValue } from './value-encoding.ts';

export interface FanOutOptions {
  /** How many items are under way at once, 1 to 1,000. The runtime's own limits on attempts hold beside it. */
  readonly concurrency: number;
  /**
   * How many items may fail without the fan-out failing: a count, or a share of all items from 0 to 1. Default: none. An item fails when its
   * activity does for good, or its machine ends in error.
   */
  readonly tolerate?: { readonly count: number } | { readonly share: number };
  /**
   * What becomes of the items under way when more have failed than is tolerated. No further one begins either way. `cancel` (default): they are
   * aborted, or stopped as children are. `wait`: the fan-out fails when they have come to their ends.
   */
  readonly onBreach?: 'cancel' | 'wait';
  /**
   * `inline` (default): outputs are in `results`, for up to 1,000 items. `paged`: `results` is empty, and outputs are read with
   * `runtime.results`, of any number of items.
   */
  readonly results?: 'inline' | 'paged';
}

/** The options, checked. */
export interface FanOutPlan {
  readonly concurrency: number;
  readonly tolerate: { readonly count: number } | { readonly share: number };
  readonly onBreach: 'cancel' | 'wait';
  readonly results: 'inline' | 'paged';
}

const optionNames: OptionNames<FanOutOptions> = { concurrency: true, tolerate: true, onBreach: true, results: true };

/** @throws TypeError naming the option and its value */
export function parseFanOut(options: FanOutOptions): FanOutPlan {
  checkOptions<FanOutOptions>(options, 'fanOut', optionNames, '{ concurrency: 64 }');
  const { concurrency, tolerate = { count: 0 }, onBreach = 'cancel', results = 'inline' } = options;
  const max = limits.fanOutConcurrencyMax;
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > max) {
    throw new TypeError(`fanOut: concurrency must be a whole number from 1 to ${max}; found ${formatValue(concurrency)}.`);
  }
  checkOneOf('onBreach', onBreach, ['cancel', 'wait']);
  checkOneOf('results', results, ['inline', 'paged']);
  return { concurrency, tolerate: parseTolerance(tolerate), onBreach, results };
}

function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (known.includes(value as string)) return;
  throw new TypeError(`fanOut: ${name} must be ${known.map((word) => `'${word}'`).join(' or ')}; found ${formatValue(value)}.`);
}

function parseTolerance(tolerate: NonNullable<FanOutOptions['tolerate']>): FanOutPlan['tolerate'] {
  const { count, share, ...others } = Object(tolerate) as { readonly count?: unknown; readonly share?: unknown };
  const isOne = (count === undefined) !== (share === undefined) && Object.keys(others).length === 0;
  if (isOne && typeof count === 'number' && Number.isInteger(count) && count >= 0) return { count };
  if (isOne && typeof share === 'number' && share >= 0 && share <= 1) return { share };
  const found = formatValue(tolerate);
  throw new TypeError(`fanOut: tolerate must be { count } with a whole number, or { share } from 0 to 1; found ${found}.`);
}

/**
 * Whether more have failed than is tolerated. A share of all items, whether or not they began.
 *
 * @param counts `source`: null once all items are known
 */
export function isBreached(
  { tolerate }: FanOutPlan,
  { failed, total, source = null }: Pick<FanOutCounts, 'failed' | 'total'> & { readonly source?: unknown },
): boolean {
  // A share of how many is not known before all are read.
  if ('share' in tolerate && source !== null) return false;
  // A share that is not exact in binary must not fail what it says is tolerated.
  return 'count' in tolerate ? failed > tolerate.count : failed > tolerate.share * total + total * Number.EPSILON;
}

/** Whether outputs of so many items may not be given inline. */
export function isTooMany({ results }: FanOutPlan, items: number): boolean {
  return results === 'inline' && items > limits.inlineResultsMax;
}

/** How many items are to begin now. */
export function toBegin(plan: FanOutPlan, counts: FanOutCounts & { readonly source: unknown }, underWay: number): number {
  if (isBreached(plan, counts)) return 0;
  return Math.max(0, Math.min(plan.concurrency - underWay, counts.total - counts.begun));
}
