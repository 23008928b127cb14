/** The options of `openRuntime`, checked at the door. */
import type { RateLimitOptions } from '../../kernel/activity-bounds.ts';
import { parseRateLimit } from '../../kernel/activity-bounds.ts';
import type { Duration } from '../../kernel/duration.ts';
import { parseDuration } from '../../kernel/duration.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { OnDefinitionChange } from '../../kernel/machine-registry.ts';
import type { OptionNames } from '../../kernel/options.ts';
import type { ConsumerPolicy, OutboxConsumer } from '../../kernel/outbox-consumer.ts';
import { parseConsumers } from '../../kernel/outbox-consumer.ts';
import type { RetentionOptions, RetentionRule } from '../../kernel/retention.ts';
import { parseRetention } from '../../kernel/retention.ts';
import { formatValue } from '../../kernel/value-encoding.ts';
import type { AnyStateMachine } from '../../kernel/xstate-seam.ts';

/** Options of `openRuntime`. */
export interface OpenRuntimeOptions {
  /** The directory of the store, made if it is missing. On a local file system: network mounts do not keep what is acknowledged. */
  readonly path: string;
  /** The machines this process runs, each version once; with their implementations provided. */
  readonly machines: readonly AnyStateMachine[];
  /** Attempts of activities that may run at once; further ones wait. Default 10,000. */
  readonly maxConcurrentAttempts?: number;
  /** How often attempts of activities may begin: `count` at once, and `count` more over each `per`, evenly. Default: no limit. */
  readonly rateLimit?: RateLimitOptions;
  /**
   * Consumers of what machines emit, by name: each is given every event once at least, those of a workflow in their order, and goes on
   * where it was in the next process. One that is new is given everything that is kept: what not every other consumer has had, or,
   * with no other, what the workflows that are there emitted. Default: none.
   */
  readonly outbox?: { readonly [name: string]: OutboxConsumer };
  /** Where the runtime says what happens to it; a `pino` logger fits. Default: nowhere. */
  readonly logger?: Logger;
  /**
   * How long the `messageId` of a message is known: after that, the same id is a new message. Default `workflow`: as long as the
   * workflow is there. A duration such as `'30d'` keeps a workflow that lives for years from gathering them.
   */
  readonly messageIdRetention?: Duration | 'workflow';
  /**
   * How long closed workflows are kept; then they are deleted as `runtime.delete` does, and the disk is given back what they took. Counted
   * from their end, and looked for every tenth of the shortest time, every five minutes at the latest. One of which something
   * waits for a person in the queue stays. What is deleted is forgotten: a start that is repeated after that begins anew. Default: for ever.
   */
  readonly retention?: RetentionOptions;
  /**
   * Steps that the history of a workflow keeps at most, a few hundred more or less: the first, and the newest of the others. Default 10,000;
   * `Infinity` keeps all of them for as long as the workflow is there.
   */
  readonly maxHistorySteps?: number;
  /** The time there is to undo what a workflow did, from when that begins. What is left then waits in the queue. Default 1 h. */
  readonly compensationBudget?: Duration;
  /**
   * What to do when a machine has another structure than that its open workflows were started on, under the same version: `fail`
   * (default) with `DEFINITION_CHANGED`, or `warn` the logger and run them on the machine as it is now. Those that rest in a state it
   * does not have any more are parked as `version-missing`.
   */
  readonly onDefinitionChange?: OnDefinitionChange;
  /** What to do when another process has the store: `fail` (default) with `STORE_LOCKED`, or `wait` until its owner is gone. */
  readonly onLocked?: 'fail' | 'wait';
  /** Ends the waiting of `onLocked: 'wait'`. */
  readonly signal?: AbortSignal;
}

export function retentionOf({ messageIdRetention = 'workflow' }: OpenRuntimeOptions): number | undefined {
  return messageIdRetention === 'workflow' ? undefined : parseDuration(messageIdRetention, `openRuntime: messageIdRetention`);
}

export function retentionRulesOf({ retention = {} }: OpenRuntimeOptions): readonly RetentionRule[] {
  return parseRetention(retention, 'openRuntime');
}

export function budgetOf({ compensationBudget }: OpenRuntimeOptions): number | undefined {
  return compensationBudget === undefined ? undefined : parseDuration(compensationBudget, 'openRuntime: compensationBudget');
}

export function consumersOf({ outbox = {} }: OpenRuntimeOptions): readonly ConsumerPolicy[] {
  return parseConsumers(outbox, 'openRuntime');
}

type Door = 'openRuntime' | 'openReader';

export const runtimeOptions: OptionNames<OpenRuntimeOptions> = {
  path: true,
  machines: true,
  maxConcurrentAttempts: true,
  rateLimit: true,
  outbox: true,
  logger: true,
  messageIdRetention: true,
  retention: true,
  maxHistorySteps: true,
  compensationBudget: true,
  onDefinitionChange: true,
  onLocked: true,
  signal: true,
};

export function checkValues(options: OpenRuntimeOptions, door: Door): void {
  checkLogger(options.logger);
  const { path, machines, maxConcurrentAttempts = 1, onLocked = 'fail', onDefinitionChange = 'fail', signal } = options;
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`${door}: path must name a directory; found ${formatValue(path)}.`);
  }
  if (!Array.isArray(machines)) throw new TypeError(`${door}: machines must be an array of XState machines.`);
  const stranger = machines.findIndex((machine: unknown) => !isMachine(machine));
  if (stranger !== -1) throw new TypeError(`${door}: machines must be an array of XState machines; item ${stranger} is none.`);
  if (!Number.isInteger(maxConcurrentAttempts) || maxConcurrentAttempts < 1) {
    throw new TypeError(`${door}: maxConcurrentAttempts must be a whole number from 1; found ${maxConcurrentAttempts}.`);
  }
  if (options.rateLimit !== undefined) parseRateLimit(options.rateLimit, door);
  retentionOf(options);
  retentionRulesOf(options);
  budgetOf(options);
  consumersOf(options);
  checkHistorySteps(options.maxHistorySteps, door);
  if (onDefinitionChange !== 'fail' && onDefinitionChange !== 'warn') {
    throw new TypeError(`${door}: onDefinitionChange must be 'fail' or 'warn'; found ${formatValue(onDefinitionChange)}.`);
  }
  if (onLocked !== 'fail' && onLocked !== 'wait') {
    throw new TypeError(`${door}: onLocked must be 'fail' or 'wait'; found ${formatValue(onLocked)}.`);
  }
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new TypeError(`${door}: signal must be an AbortSignal such as controller.signal; found ${formatValue(signal)}.`);
  }
}

function checkHistorySteps(steps = Infinity, door: Door): void {
  if (steps === Infinity || (Number.isInteger(steps) && steps >= 1)) return;
  throw new TypeError(`${door}: maxHistorySteps must be a whole number from 1, or Infinity to keep all; found ${formatValue(steps)}.`);
}

function checkLogger(logger: unknown): void {
  if (logger === undefined) return;
  const methods = Object(logger) as { readonly [name: string]: unknown };
  const missing = ['debug', 'info', 'warn', 'error'].find((name) => typeof methods[name] !== 'function');
  if (missing === undefined) return;
  throw new TypeError(
    `openRuntime: logger must have the methods debug, info, warn and error, as a pino logger does; ${missing} is missing.`,
  );
}

/** By what it can do: a page in a test has an AbortSignal of its own, which is no instance of this one. */
function isAbortSignal(value: unknown): boolean {
  const { aborted, addEventListener, throwIfAborted } = Object(value) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof throwIfAborted === 'function';
}

function isMachine(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'root' in value && 'implementations' in value;
}
