/** What a consumer of the outbox is, what it is given, and what its failures mean. */
import { problemOfId } from './address.ts';
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
import { boundFailure, failureOf } from './failure.ts';
import type { FailureRecord } from './failure-record.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import type { OutboxContent, OutboxPlace } from './outbox.ts';
import { outboxMessageId } from './outbox.ts';
import type { RetryOptions, RetryPolicy } from './retry-policy.ts';
import { backoffMs, isRefusedRetry, isRetryable, nextRetryDelayMs, parseRetryPolicy } from './retry-policy.ts';
import { decodeValue } from './value-decoding.ts';
import { formatValue } from './value-encoding.ts';
import type { EventObject } from './xstate-seam.ts';

/** An event that a machine emitted, on its way to a consumer. */
export interface OutboxMessage {
  /** As it was emitted. */
  readonly event: EventObject;
  readonly workflowId: string;
  readonly run: number;
  /** The machine that emitted it: of the workflow, or of one of its children. */
  readonly machine: { readonly id: string; readonly version: string };
  /** The same whenever this message is delivered, and no other's: what was taken before is recognised by it. */
  readonly messageId: string;
  /** Number of its commit in the store: later ones have higher numbers. */
  readonly commit: number;
  /** When it was emitted. Epoch milliseconds. */
  readonly atMs: number;
  /** From 1; those of earlier processes count as far as they are on disk. */
  readonly attempt: number;
  /** Fires when nobody waits for this attempt any more; `reason` is `start-to-close-timeout` or `shutdown`. */
  readonly signal: AbortSignal;
}

/** Takes a message: it counts as delivered when the promise resolves, or the function returns. What it throws is tried again. */
export type OutboxHandler = (message: OutboxMessage) => unknown;

/** A consumer with options. */
export interface OutboxConsumerOptions {
  readonly handle: OutboxHandler;
  /** How often and when a message is tried. Defaults as of activities: 10 attempts in all, 1 s doubled up to 1 min between them. */
  readonly retry?: RetryOptions;
  /**
   * What becomes of the later messages of a workflow when one of it failed for good: `hold` (default) keeps them back until a person
   * has it tried again or gives it up, `skip` goes on with them. Other workflows are not concerned.
   */
  readonly onPoison?: 'hold' | 'skip';
  /** How long one attempt may take. Default 1 min. */
  readonly startToCloseTimeout?: Duration;
}

/** Who is given what machines emit. */
export type OutboxConsumer = OutboxHandler | OutboxConsumerOptions;

/** A consumer with its defaults, durations in milliseconds. */
export interface ConsumerPolicy {
  readonly name: string;
  readonly handle: OutboxHandler;
  readonly retry: RetryPolicy;
  readonly skips: boolean;
  readonly startToCloseTimeoutMs: number;
}

const consumerOptions: OptionNames<OutboxConsumerOptions> = { handle: true, retry: true, onPoison: true, startToCloseTimeout: true };

/**
 * Consumers by name, with their defaults filled in.
 *
 * @throws TypeError naming the consumer, the option and its value
 */
export function parseConsumers(consumers: unknown, door: string): readonly ConsumerPolicy[] {
  if (typeof consumers !== 'object' || consumers === null || Array.isArray(consumers)) {
    const wanted = `${door}: outbox must be an object of consumers by name such as { mail: async ({ event }) => … }`;
    throw new TypeError(`${wanted}; found ${formatValue(consumers)}.`);
  }
  return Object.entries(consumers).map(([name, consumer]) => parseConsumer(name, consumer, door));
}

function parseConsumer(name: string, consumer: unknown, door: string): ConsumerPolicy {
  const what = `${door}: outbox consumer ${JSON.stringify(name)}`;
  const problem = problemOfId(name);
  if (problem !== undefined) throw new TypeError(`${what} ${problem}.`);
  const isFunction = typeof consumer === 'function';
  if (!isFunction) checkOptions(consumer, what, consumerOptions, '{ handle: async ({ event }) => … }, or the function alone');
  const options = (isFunction ? { handle: consumer } : consumer) as OutboxConsumerOptions;
  const { handle, retry = {}, startToCloseTimeout = '1m' } = options;
  const onPoison: unknown = options.onPoison ?? 'hold';
  if (typeof handle !== 'function') throw new TypeError(`${what}: handle must be a function; found ${formatValue(handle)}.`);
  if (onPoison !== 'hold' && onPoison !== 'skip') {
    throw new TypeError(`${what}: onPoison must be 'hold' or 'skip'; found ${formatValue(onPoison)}.`);
  }
  return {
    name,
    handle,
    retry: parseRetryPolicy(retry, what),
    skips: onPoison === 'skip',
    startToCloseTimeoutMs: parseDuration(startToCloseTimeout, `${what}: startToCloseTimeout`),
  };
}

/** What a handler is given but for the signal. */
export function messageFor(place: OutboxPlace, content: OutboxContent, attempt: number): Omit<OutboxMessage, 'signal'> {
  const { address, commit } = place;
  const { machine, event, atMs } = content;
  return {
    event: decodeValue(event) as EventObject,
    workflowId: address.workflowId,
    run: address.run,
    machine,
    messageId: outboxMessageId(place),
    commit,
    atMs,
    attempt,
  };
}

/** What follows on a failed attempt. */
export type DeliveryVerdict =
  | { readonly kind: 'retry'; readonly delayMs: number; readonly failure: FailureRecord }
  | { readonly kind: 'poison'; readonly failure: FailureRecord; readonly atMs: number };

/**
 * @param attempt number of the attempt that failed
 * @param random a number in [0, 1)
 */
export function judgeFailure(retry: RetryPolicy, thrown: unknown, attempt: number, nowMs: number, random: number): DeliveryVerdict {
  // Very many may be kept: what it was and why, not where in the code.
  const { stack: _, ...failed } = failureOf(thrown);
  const canRetry = !isRefusedRetry(retry, thrown) && isRetryable(retry, failed.class, attempt);
  const failure = boundFailure({ ...failed, attempt, retryable: canRetry });
  if (!canRetry) return { kind: 'poison', failure, atMs: nowMs };
  return { kind: 'retry', failure, delayMs: nextRetryDelayMs(thrown) ?? backoffMs(retry, attempt, random) };
}

/** A message that cannot be read from the store can be delivered by nobody; it must not be passed over either. */
export function unreadableMessage(place: OutboxPlace, nowMs: number): DeliveryVerdict {
  const message = `The outbox entry of message ${JSON.stringify(outboxMessageId(place))} cannot be read: what was emitted is in the history of its workflow.`;
  return { kind: 'poison', failure: { class: 'RECORD_DAMAGED', message, retryable: false }, atMs: nowMs };
}
