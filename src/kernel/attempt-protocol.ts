/**
 * The protocol of attempts: what it means to an actor that an attempt is due, ended, took too long, was lost, given back or handed over.
 */
import type { AbortReason } from './activity-descriptor.ts';
import { policyOf } from './activity-policy.ts';
import type { Actor } from './actor.ts';
import { exhaust, hasDeadLetter } from './dead-letter.ts';
import type { DecideContext, Draft } from './draft.ts';
import { beginAttempt, forgetActivity, isNextInLine, isTooLate, putActivity } from './draft.ts';
import {
  asError,
  attemptLost as attemptLostError,
  deadlineExceeded,
  heartbeatTimeout,
  scheduleToCloseTimeout,
  startToCloseTimeout,
} from './engine-errors.ts';
import type { Envelope, StepEnvelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FailedOutcome } from './failure.ts';
import { boundFailure, failedOutcome } from './failure.ts';
import type { Json } from './json.ts';
import { completeEntry, failEntry } from './ledger-entries.ts';
import { lateChange } from './late-outcome.ts';
import { isBeingUnwound } from './ledger.ts';
import type { Change, Reaction } from './reaction.ts';
import type { ActivityRecord } from './record.ts';
import { notAwaited } from './refusals.ts';
import { backoffMs, isRetryable } from './retry-policy.ts';
import { decodeValue } from './value-decoding.ts';

type AttemptEnvelope = Extract<Envelope, { readonly attempt: number }>;
type Changing = Extract<Reaction, { readonly kind: 'note' | 'deliver' }>;
type EnvelopeOf<Kind extends Envelope['kind']> = Extract<Envelope, { readonly kind: Kind }>;

/**
 * What an activity is told whose next attempt is due and would come too late. Said under its own name, so that it means the same when it
 * has to be heard again.
 */
export function insteadOfAttempt(actor: Actor | undefined, envelope: EnvelopeOf<'attempt-due'>, context: DecideContext): StepEnvelope {
  const { n } = envelope;
  const activity = actor?.activities.get(n);
  if (activity === undefined || !isToBegin(activity)) return envelope;
  if (isOver(activity, context.nowMs)) return { kind: 'activity-timed-out', n };
  // Undoing is shielded from deadlines.
  const isHeldTo = actor?.machine.isUnwinding !== true;
  return isHeldTo && isTooLate(context, activity, context.nowMs) ? { kind: 'activity-timed-out', n, isPastDeadline: true } : envelope;
}

export function attemptDue(actor: Actor, n: number, context: DecideContext): Reaction {
  const activity = actor.activities.get(n);
  if (activity === undefined || !isToBegin(activity)) return { kind: 'ignore' };
  if (!isNextInLine(actor.activities, activity)) return { kind: 'ignore' };
  // What began before is in flight, and comes to its end now.
  if (activity.attempt > 0 && isBeingUnwound(actor, activity)) return { kind: 'ignore' };
  if (!context.admit(activity.name, activity.idempotencyKey)) return { kind: 'ignore' };
  return { kind: 'note', change: (draft) => beginAttempt(draft, activity) };
}

function isToBegin({ state }: ActivityRecord): boolean {
  return state === 'waiting' || state === 'backoff';
}

export function attemptCompleted(actor: Actor, envelope: EnvelopeOf<'attempt-completed'>): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return late(actor, envelope) ?? unawaited(actor, envelope, 'late');
  return deliverOutput(activity, envelope.output, envelope.isFromOutside ?? false);
}

/** @param isFromOutside then the attempt may still run, and is told */
export function deliverOutput(activity: ActivityRecord, output: Json, isFromOutside: boolean): Reaction {
  const { childId, n } = activity;
  // The shape of XState's done event, so that `onDone` and its types hold.
  const event = { type: `xstate.done.actor.${childId}`, output: decodeValue(output), actorId: childId };
  const change: Change = (draft) => {
    forgetActivity(draft, n);
    completeEntry(draft, n, output);
    if (isFromOutside) abortRunning(draft, activity, 'settled');
  };
  return { kind: 'deliver', event, change };
}

export function attemptFailed(actor: Actor, envelope: EnvelopeOf<'attempt-failed'>, context: DecideContext): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return late(actor, envelope) ?? unawaited(actor, envelope, 'ignore');
  const reaction = failOrRetry(actor, activity, envelope, envelope, context);
  return envelope.isFromOutside ? withChange(reaction, (draft) => abortRunning(draft, activity, 'settled')) : reaction;
}

export function attemptTimedOut(actor: Actor, envelope: EnvelopeOf<'attempt-timed-out'>, context: DecideContext): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return late(actor, envelope) ?? { kind: 'ignore' };
  const abort: Change = (draft) => abortOverdue(draft, activity, envelope);
  const policy = policyOf(actor.machine, activity);
  const error =
    envelope.timeout === 'heartbeat'
      ? heartbeatTimeout(policy?.heartbeatTimeoutMs ?? 0)
      : startToCloseTimeout(policy?.startToCloseTimeoutMs ?? 0);
  return withChange(failOrRetry(actor, activity, envelope, failedOutcome(error), context), abort);
}

/** The activity as a whole took too long. */
export function activityTimedOut(actor: Actor, n: number, isPastDeadline = false): Reaction {
  const activity = actor.activities.get(n);
  if (activity !== undefined && isPastDeadline) return giveUp(actor, activity, outcomeWithout(activity));
  if (activity?.scheduleToCloseAtMs === undefined || activity.state === 'exhausted') return { kind: 'ignore' };
  const abort: Change = (draft) => abortRunning(draft, activity, 'schedule-to-close-timeout');
  const error = scheduleToCloseTimeout(activity.scheduleToCloseAtMs - activity.scheduledAtMs, activity.lastFailure);
  return withChange(noMoreAttempts(actor, activity, failedOutcome(error)), abort);
}

/** Nobody waits for it, but the ledger learns of it. */
function late(
  actor: Actor,
  envelope: EnvelopeOf<'attempt-completed' | 'attempt-failed' | 'attempt-timed-out' | 'attempt-lost' | 'attempt-released'>,
): Reaction | undefined {
  const isPending = actor.activities.has(envelope.n);
  const change = isPending ? undefined : lateChange(actor, envelope);
  return change && { kind: 'late', change };
}

/** Told from outside, there is somebody to tell that it came too late. */
function unawaited(actor: Actor, envelope: AttemptEnvelope, otherwise: 'late' | 'ignore'): Reaction {
  const isFromOutside = 'isFromOutside' in envelope && envelope.isFromOutside;
  return isFromOutside ? { kind: 'refuse', error: notAwaited(actor.record, envelope) } : { kind: otherwise };
}

/** Whatever becomes of the step, an attempt that took too long gives up its place. */
export function abortOverdue(draft: Pick<Draft, 'effects'>, activity: ActivityRecord, envelope: Envelope): void {
  if (envelope.kind === 'attempt-timed-out') {
    const reason = envelope.timeout === 'heartbeat' ? 'heartbeat-timeout' : 'start-to-close-timeout';
    draft.effects.push({ kind: 'abort-attempt', n: envelope.n, reason });
  } else if (envelope.kind === 'activity-timed-out') abortRunning(draft, activity, 'schedule-to-close-timeout');
}

/** A lost attempt counts. The next one begins at once: it was not the activity that failed. */
export function attemptLost(actor: Actor, envelope: EnvelopeOf<'attempt-lost'>, context: DecideContext): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return late(actor, envelope) ?? { kind: 'ignore' };
  if (isOver(activity, context.nowMs)) return activityTimedOut(actor, activity.n);
  const policy = policyOf(actor.machine, activity);
  const outcome = failedOutcome(attemptLostError(activity.attempt));
  const charged = activity.attempt - activity.uncharged;
  if (policy === undefined || isBeingUnwound(actor, activity) || !isRetryable(policy.retry, outcome.failure.class, charged)) {
    return noMoreAttempts(actor, atRest(activity, envelope), outcome);
  }
  if (isTooLate(context, activity, context.nowMs)) return giveUp(actor, activity, outcome);
  const lastFailure = { ...outcome.failure, attempt: activity.attempt, retryable: true };
  const waiting: ActivityRecord = { ...atRest(activity, envelope), state: 'waiting', lastFailure };
  const canBegin = context.admit(activity.name, activity.idempotencyKey);
  return { kind: 'note', change: (draft) => (canBegin ? beginAttempt(draft, waiting) : putActivity(draft, waiting)) };
}

/** Given back, it is not charged; but what may run at most once and was begun is not begun again. */
export function attemptReleased(actor: Actor, envelope: EnvelopeOf<'attempt-released'>): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return late(actor, envelope) ?? { kind: 'ignore' };
  if (activity.isHandedOver === true) return { kind: 'ignore' };
  const maximumAttempts = policyOf(actor.machine, activity)?.retry.maximumAttempts;
  if (envelope.hasBegun && maximumAttempts === 1) {
    return noMoreAttempts(actor, atRest(activity, envelope), failedOutcome(attemptLostError(activity.attempt)));
  }
  const waiting: ActivityRecord = { ...atRest(activity, envelope), state: 'waiting', uncharged: activity.uncharged + 1 };
  return { kind: 'note', change: (draft) => putActivity(draft, waiting) };
}

/** From now on the attempt outlives the process; handing over is a sign of life. */
export function attemptHandedOver(actor: Actor, envelope: EnvelopeOf<'attempt-handed-over'>, { nowMs }: DecideContext): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return { kind: 'refuse', error: notAwaited(actor.record, envelope) };
  return { kind: 'note', change: (draft) => putActivity(draft, { ...activity, isHandedOver: true, heartbeatAtMs: nowMs }) };
}

export function attemptHeartbeat(actor: Actor, envelope: EnvelopeOf<'attempt-heartbeat'>, { nowMs }: DecideContext): Reaction {
  const activity = runningAttempt(actor, envelope);
  if (activity === undefined) return unawaited(actor, envelope, 'ignore');
  const { heartbeatDetails = activity.heartbeatDetails } = envelope;
  const alive: ActivityRecord = { ...activity, heartbeatAtMs: nowMs, ...(heartbeatDetails === undefined ? {} : { heartbeatDetails }) };
  return { kind: 'note', change: (draft) => putActivity(draft, alive) };
}

function failOrRetry(
  actor: Actor,
  activity: ActivityRecord,
  envelope: AttemptEnvelope,
  outcome: FailedOutcome,
  context: DecideContext,
): Changing {
  const policy = policyOf(actor.machine, activity)?.retry;
  const charged = activity.attempt - activity.uncharged;
  if (
    outcome.failure.retryable === false ||
    policy === undefined ||
    isBeingUnwound(actor, activity) ||
    !isRetryable(policy, outcome.failure.class, charged)
  ) {
    return noMoreAttempts(actor, atRest(activity, envelope), outcome);
  }
  const asked = 'nextRetryDelayMs' in envelope ? envelope.nextRetryDelayMs : undefined;
  const nextAttemptAtMs = context.nowMs + (asked ?? backoffMs(policy, charged, context.random()));
  // It would begin too late to matter: what is known now is all that will be.
  if (isTooLate(context, activity, nextAttemptAtMs)) return giveUp(actor, activity, outcome);
  if (isOver(activity, nextAttemptAtMs)) return noMoreAttempts(actor, atRest(activity, envelope), outcome);
  const lastFailure = { ...outcome.failure, attempt: activity.attempt, retryable: true };
  const waiting: ActivityRecord = { ...atRest(activity, envelope), state: 'backoff', nextAttemptAtMs, lastFailure };
  return { kind: 'note', change: (draft) => putActivity(draft, waiting) };
}

/** Where the activity says so, what comes of it is a person's decision from now on. */
function noMoreAttempts(actor: Actor, activity: ActivityRecord, outcome: FailedOutcome): Changing {
  if (!hasDeadLetter(actor, activity) || isBeingUnwound(actor, activity)) return giveUp(actor, activity, outcome);
  return { kind: 'note', change: (draft) => exhaust(draft, activity, outcome, finalFailure(actor, activity, outcome)) };
}

function finalFailure(actor: Actor, { name, attempt }: ActivityRecord, { failure }: FailedOutcome): FailureRecord {
  return boundFailure({ ...failure, activity: name, attempt, retryable: false, state: actor.record.chart.value });
}

/** The last error is the outcome: the chart hears of it as of any actor's error. */
export function giveUp(actor: Actor, activity: ActivityRecord, outcome: FailedOutcome): Extract<Reaction, { kind: 'deliver' }> {
  const { childId, n } = activity;
  const event = { type: `xstate.error.actor.${childId}`, error: decodeValue(outcome.error), actorId: childId };
  const failure = finalFailure(actor, activity, outcome);
  const change: Change = (draft) => {
    forgetActivity(draft, n);
    failEntry(draft, activity, outcome.error);
    draft.activityFailure = failure;
  };
  return { kind: 'deliver', event, change };
}

export function abortRunning(draft: Pick<Draft, 'effects'>, { n, state }: ActivityRecord, reason: AbortReason): void {
  if (state === 'running') draft.effects.push({ kind: 'abort-attempt', n, reason });
}

/** The activity between two attempts: what belonged to the one that is over is gone, the last it told of itself is kept. */
function atRest(activity: ActivityRecord, envelope: AttemptEnvelope): ActivityRecord {
  const { attemptStartedAtMs: _started, isHandedOver: _handedOver, heartbeatAtMs: _heartbeat, ...rest } = activity;
  const details = 'heartbeatDetails' in envelope ? envelope.heartbeatDetails : undefined;
  return details === undefined ? rest : { ...rest, heartbeatDetails: details };
}

export function withChange(reaction: Changing, further: Change): Changing {
  const change: Change = (draft) => {
    reaction.change(draft);
    further(draft);
  };
  return { ...reaction, change };
}

/** What an activity comes to that is not begun again: what is known of its last attempt, if there was one. */
function outcomeWithout({ lastFailure }: ActivityRecord): FailedOutcome {
  if (lastFailure === undefined) return failedOutcome(deadlineExceeded());
  return { ...failedOutcome(asError(lastFailure)), failure: lastFailure };
}

function isOver({ scheduleToCloseAtMs }: ActivityRecord, atMs: number): boolean {
  return scheduleToCloseAtMs !== undefined && atMs >= scheduleToCloseAtMs;
}

/**
 * The activity this outcome belongs to, if it is still awaited and this very attempt is the one that runs. One whose outcome came
 * while the workflow could not hear of it is settled: the envelope comes from the mailbox then. Of a closed actor only the last
 * custom actions are left.
 */
function runningAttempt(actor: Actor, envelope: AttemptEnvelope): ActivityRecord | undefined {
  const activity = actor.activities.get(envelope.n);
  const hasBegun = activity?.state === 'running' || activity?.state === 'settled';
  return hasBegun && activity.attempt === envelope.attempt ? activity : undefined;
}
