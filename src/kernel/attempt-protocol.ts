/**
 * The protocol of attempts: what it means to an actor that an attempt is due, ended, took too long, was lost or given back.
 */
import type { Actor } from './actor.ts';
import { engineError, startToCloseTimeout } from './activity-descriptor.ts';
import type { DecideContext, Draft } from './draft.ts';
import { beginAttempt, forgetActivity, isNextInLine, putActivity } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { FailedOutcome } from './failure.ts';
import { boundFailure, failedOutcome } from './failure.ts';
import type { Change, Reaction } from './reaction.ts';
import type { ActivityRecord } from './record.ts';
import { isClosed } from './record.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { actionsRetry, actionsTimeoutMs, backoffMs, isRetryable } from './retry-policy.ts';
import { decodeValue } from './value-decoding.ts';

type AttemptEnvelope = Extract<Envelope, { readonly attempt: number }>;

export function attemptDue(actor: Actor, n: number, context: DecideContext): Reaction {
  const activity = actor.activities.get(n);
  if (activity === undefined || !isToBegin(activity) || !isRun(actor, activity)) return { kind: 'ignore' };
  if (!isNextInLine(actor.activities, activity) || !context.admit(activity.name)) return { kind: 'ignore' };
  return { kind: 'note', change: (draft) => beginAttempt(draft, activity) };
}

function isToBegin({ state }: ActivityRecord): boolean {
  return state === 'waiting' || state === 'backoff';
}

export function attemptCompleted(actor: Actor, envelope: Extract<Envelope, { kind: 'attempt-completed' }>): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return { kind: 'late' };
  const { childId, n } = activity;
  // The shape of XState's done event, so that `onDone` and its types hold.
  const event = { type: `xstate.done.actor.${childId}`, output: decodeValue(envelope.output), actorId: childId };
  return { kind: 'deliver', event, change: (draft) => forgetActivity(draft, n) };
}

export function attemptFailed(actor: Actor, envelope: AttemptEnvelope, outcome: FailedOutcome, context: DecideContext): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return { kind: 'ignore' };
  const policy = retryOf(actor, activity);
  const charged = activity.attempt - activity.uncharged;
  if (outcome.failure.retryable !== false && policy !== undefined && isRetryable(policy, outcome.failure.class, charged)) {
    const nextAttemptAtMs = context.nowMs + backoffMs(policy, charged, context.random());
    const lastFailure = { ...outcome.failure, attempt: activity.attempt, retryable: true };
    return { kind: 'note', change: (draft) => putActivity(draft, { ...activity, state: 'backoff', nextAttemptAtMs, lastFailure }) };
  }
  return giveUp(actor, activity, outcome);
}

export function attemptTimedOut(actor: Actor, envelope: AttemptEnvelope, context: DecideContext): Reaction {
  const activity = begunAttempt(actor, envelope);
  if (activity === undefined) return { kind: 'ignore' };
  // A parked workflow decides nothing, but its attempt must not hold a place for ever.
  if (actor.record.status === 'parked') return { kind: 'note', change: (draft) => abortTimedOut(draft, activity) };
  const timeoutMs = actor.machine.activities.get(activity.src)?.descriptor.startToCloseTimeoutMs ?? actionsTimeoutMs;
  const reaction = attemptFailed(actor, envelope, failedOutcome(startToCloseTimeout(timeoutMs)), context);
  if (reaction.kind !== 'note' && reaction.kind !== 'deliver') return reaction;
  const abort: Change = (draft) => {
    reaction.change(draft);
    abortTimedOut(draft, activity);
  };
  return { ...reaction, change: abort };
}

function abortTimedOut(draft: Draft, activity: ActivityRecord): void {
  draft.effects.push({ kind: 'abort-attempt', n: activity.n, reason: 'timeout' });
}

/** A lost attempt counts. The next one begins at once: it was not the activity that failed. */
export function attemptLost(actor: Actor, envelope: AttemptEnvelope, context: DecideContext): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return { kind: 'ignore' };
  const policy = retryOf(actor, activity);
  const outcome = failedOutcome(attemptLostError(activity));
  if (policy === undefined || !isRetryable(policy, outcome.failure.class, activity.attempt - activity.uncharged)) {
    return giveUp(actor, activity, outcome);
  }
  const waiting: ActivityRecord = {
    ...activity,
    state: 'waiting',
    lastFailure: { ...outcome.failure, attempt: activity.attempt, retryable: true },
  };
  const canBegin = context.admit(activity.name);
  return { kind: 'note', change: (draft) => (canBegin ? beginAttempt(draft, waiting) : putActivity(draft, waiting)) };
}

/** Given back, it is not charged; but what may run at most once and was begun is not begun again. */
export function attemptReleased(actor: Actor, envelope: Extract<Envelope, { kind: 'attempt-released' }>): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return { kind: 'ignore' };
  const maximumAttempts = retryOf(actor, activity)?.maximumAttempts;
  if (envelope.hasBegun && maximumAttempts === 1) return giveUp(actor, activity, failedOutcome(attemptLostError(activity)));
  return { kind: 'note', change: (draft) => putActivity(draft, { ...activity, state: 'waiting', uncharged: activity.uncharged + 1 }) };
}

/** The last error is the outcome: the chart hears of it as of any actor's error. */
function giveUp(actor: Actor, activity: ActivityRecord, outcome: FailedOutcome): Reaction {
  const { childId, n, name, attempt } = activity;
  const event = { type: `xstate.error.actor.${childId}`, error: decodeValue(outcome.error), actorId: childId };
  const failure = boundFailure({ ...outcome.failure, activity: name, attempt, retryable: false, state: actor.record.chart.value });
  const change: Change = (draft) => {
    forgetActivity(draft, n);
    draft.activityFailure = failure;
  };
  return { kind: 'deliver', event, change };
}

function retryOf({ machine }: Actor, { src, kind }: ActivityRecord): RetryPolicy | undefined {
  return kind === 'actions' ? actionsRetry : machine.activities.get(src)?.descriptor.retry;
}

/** The activity this outcome belongs to, if it is still awaited and this very attempt is the one that runs. */
function runningAttempt(actor: Actor, envelope: AttemptEnvelope): ActivityRecord | undefined {
  const activity = begunAttempt(actor, envelope);
  return activity !== undefined && isRun(actor, activity) ? activity : undefined;
}

/** The last custom actions of an actor are run after its end. */
function isRun({ record: { status } }: Actor, { kind }: ActivityRecord): boolean {
  return status === 'running' || (kind === 'actions' && isClosed(status));
}

function begunAttempt(actor: Actor, envelope: AttemptEnvelope): ActivityRecord | undefined {
  const activity = actor.activities.get(envelope.n);
  return activity?.state === 'running' && activity.attempt === envelope.attempt ? activity : undefined;
}

function attemptLostError(activity: ActivityRecord): Error {
  return engineError('AttemptLost', `The process ended while attempt ${activity.attempt} ran; whether it took effect is not known.`);
}
