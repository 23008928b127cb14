/** How long workflows are kept that are closed. */
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import type { ActorRecord, WorkflowStatus } from './record.ts';

export interface RetentionOptions {
  /** Of those that completed. Default: for ever. */
  readonly completed?: Duration;
  /** Of those that failed, were cancelled or were terminated. Default: for ever. */
  readonly failed?: Duration;
}

/** How long those are kept that ended in one of some ways. */
export interface RetentionRule {
  readonly statuses: readonly WorkflowStatus[];
  readonly keptMs: number;
}

const optionNames: OptionNames<RetentionOptions> = { completed: true, failed: true };

/** @throws TypeError naming the option and its value */
export function parseRetention(options: RetentionOptions, door: string): readonly RetentionRule[] {
  const name = `${door}: retention`;
  checkOptions<RetentionOptions>(options, name, optionNames, `{ completed: '7d', failed: '90d' }`);
  const { completed, failed } = options;
  const rules: RetentionRule[] = [];
  if (completed !== undefined) rules.push({ statuses: ['completed'], keptMs: parseDuration(completed, `${name}.completed`) });
  if (failed !== undefined) {
    rules.push({ statuses: ['failed', 'cancelled', 'terminated'], keptMs: parseDuration(failed, `${name}.failed`) });
  }
  return rules;
}

/** Whether it has been closed for as long as it is kept. */
export function isExpired(
  { status, closedAtMs }: Pick<ActorRecord, 'status' | 'closedAtMs'>,
  rules: readonly RetentionRule[],
  nowMs: number,
): boolean {
  if (closedAtMs === undefined) return false;
  return rules.some(({ statuses, keptMs }) => statuses.includes(status) && closedAtMs + keptMs <= nowMs);
}
