/** What an envelope means to an actor, before the chart is asked. */
import type { Actor } from './actor.ts';
import { attemptCompleted, attemptDue, attemptFailed, attemptLost, attemptReleased, attemptTimedOut } from './attempt-protocol.ts';
import { forgetChildren, say } from './apply-actions.ts';
import { undoByHand } from './ledger-by-hand.ts';
import { hasOpen } from './ledger-record.ts';
import { abandonUndos, ledgerReaction } from './ledger.ts';
import { fanOutReaction } from './fan-out.ts';
import { unwindingReaction } from './unwinding.ts';
import { childReaction, stopReaction } from './child-protocol.ts';
import { ofActions } from './custom-actions.ts';
import { activityTimedOut, attemptHandedOver, attemptHeartbeat } from './attempt-protocol.ts';
import { byHand } from './by-hand.ts';
import { deadlinePassed } from './deadline-protocol.ts';
import type { DecideContext } from './draft.ts';
import { disarmTimer, dropEverything } from './draft.ts';
import type { CancelEnvelope, Envelope, StepEnvelope } from './envelope.ts';
import type { Json } from './json.ts';
import type { Change, Reaction } from './reaction.ts';
import { cancelledFor, terminatedFor } from './reaction.ts';
import { hasEnded, isClosed } from './record.ts';
import { closedError } from './refusals.ts';
import { decodeValue } from './value-decoding.ts';
import type { EventObject } from './xstate-seam.ts';
import { referencesIn } from './xstate-seam.ts';

const nothing: Change = () => {
  // The event alone changes what is kept.
};

function eventIn({ chart }: Actor, event: Json): EventObject {
  return decodeValue(event, referencesIn(chart)) as EventObject;
}

export function reactionTo(actor: Actor, envelope: StepEnvelope, context: DecideContext): Reaction {
  const { isUnwinding, fanOut } = actor.machine;
  if (isUnwinding === true) return unwindingReaction(actor, envelope, context, () => usualReaction(actor, envelope, context));
  if (fanOut !== undefined) return fanOutReaction(actor, envelope, (told) => usualReaction(actor, told, context));
  return usualReaction(actor, envelope, context);
}

function usualReaction(actor: Actor, envelope: StepEnvelope, context: DecideContext): Reaction {
  const { status } = actor.record;
  switch (envelope.kind) {
    case 'signal':
      if (hasEnded(actor.record)) return { kind: 'refuse', error: closedError(actor.record) };
      return { kind: 'deliver', event: eventIn(actor, envelope.event), change: nothing };
    case 'message':
      if (hasEnded(actor.record)) return { kind: 'ignore' };
      return { kind: 'deliver', event: eventIn(actor, envelope.event), change: nothing };
    case 'terminate':
      return isClosed(status) ? dropLeftovers(actor, envelope.isForAll === true) : { kind: 'end', end: terminatedFor(envelope.reason) };
    case 'cancel':
      return cancelled(actor, envelope);
    case 'timer':
      return status === 'running' ? timerFired(actor, envelope.generation) : { kind: 'ignore' };
    case 'deadline':
      return status === 'running' ? deadlinePassed(actor) : { kind: 'ignore' };
    case 'child-done':
    case 'child-failed':
    case 'child-snapshot':
    case 'child-gone':
      return childReaction(actor, envelope);
    case 'stop':
      return stopReaction(actor, envelope.mode);
    case 'undo-next':
    case 'undo-ended':
    case 'compensation-counted':
      return ledgerReaction(envelope);
    case 'undo-retried':
    case 'undo-settled':
      return undoByHand(envelope);
    case 'undo-entry':
    case 'undo-over':
    case 'items':
      return { kind: 'ignore' };
    default:
      return attemptReaction(actor, envelope, context);
  }
}

/** A chart is asked once. */
function cancelled({ record, machine }: Actor, { reason, by }: CancelEnvelope): Reaction {
  const isCancelled = record.status === 'cancelled' || record.ending?.status === 'cancelled';
  if (isCancelled || record.cancelRequested !== undefined) return { kind: 'ignore' };
  if (hasEnded(record)) return { kind: 'refuse', error: closedError(record) };
  const change: Change = (draft) => {
    draft.cancelRequested = { atMs: draft.context.nowMs, reason, ...(by === undefined ? {} : { by }) };
  };
  const event = { type: 'workflow.cancel', reason } as EventObject;
  return { kind: 'ask', event, isNamed: machine.handlesCancel, end: cancelledFor(reason), change };
}

/** Of who has ended already, custom actions may still run, mail may wait for others, and the end of children may not be heard of yet. */
function dropLeftovers({ activities, children, ledger, resting, record }: Actor, isForAll: boolean): Reaction {
  const hasUndos = resting !== undefined || hasOpen(ledger);
  const isLeft = isForAll && (children.size > 0 || hasUndos || record.askers !== undefined);
  if (activities.size === 0 && (record.queued ?? 0) === 0 && !isLeft) return { kind: 'ignore' };
  const drop: Change = (draft) => {
    dropEverything(draft, true);
    if (!isForAll) return;
    forgetChildren(draft);
    abandonUndos(draft);
  };
  return { kind: 'note', change: drop };
}

type AttemptKind = Extract<Envelope, { readonly kind: `attempt-${string}` | `activity-${string}` }>;

/** Custom actions are made as activities are, but the chart hears only of their failure. */
function attemptReaction(actor: Actor, envelope: AttemptKind, context: DecideContext): Reaction {
  const activity = actor.activities.get(envelope.n);
  const reaction = reactionToAttempt(actor, envelope, context);
  return activity?.kind === 'actions' ? ofActions(actor, reaction) : reaction;
}

function reactionToAttempt(actor: Actor, envelope: AttemptKind, context: DecideContext): Reaction {
  switch (envelope.kind) {
    case 'attempt-due':
      return attemptDue(actor, envelope.n, context);
    case 'attempt-completed':
      return attemptCompleted(actor, envelope);
    case 'attempt-failed':
      return attemptFailed(actor, envelope, context);
    case 'attempt-timed-out':
      return attemptTimedOut(actor, envelope, context);
    case 'attempt-lost':
      return attemptLost(actor, envelope, context);
    case 'attempt-released':
      return attemptReleased(actor, envelope);
    case 'attempt-handed-over':
      return attemptHandedOver(actor, envelope, context);
    case 'attempt-heartbeat':
      return attemptHeartbeat(actor, envelope, context);
    case 'activity-timed-out':
      return activityTimedOut(actor, envelope.n, envelope.isPastDeadline);
    case 'activity-adjusted':
    case 'activity-hurried':
    case 'activity-retried':
    case 'activity-completed':
    case 'activity-failed':
      return byHand(actor, envelope, context);
  }
}

function timerFired(actor: Actor, generation: number): Reaction {
  const timer = actor.record.timers.find((armed) => armed.generation === generation);
  if (timer === undefined) return { kind: 'ignore' };
  const { to, event } = timer;
  if (to === undefined) return { kind: 'deliver', event: eventIn(actor, event), change: (draft) => disarmTimer(draft, timer) };
  const send: Change = (draft) => {
    disarmTimer(draft, timer);
    say(draft, to, event);
  };
  return { kind: 'note', change: send };
}
