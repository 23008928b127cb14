/** What an envelope means to an actor, before the chart is asked. */
import type { Actor } from './actor.ts';
import { attemptCompleted, attemptDue, attemptFailed, attemptLost, attemptReleased, attemptTimedOut } from './attempt-protocol.ts';
import { childReaction, stopReaction } from './child-protocol.ts';
import { ofActions } from './custom-actions.ts';
import type { DecideContext } from './draft.ts';
import { disarmTimer } from './draft.ts';
import type { Envelope, StepEnvelope } from './envelope.ts';
import type { Json } from './json.ts';
import type { Change, Reaction } from './reaction.ts';
import { isClosed } from './record.ts';
import { closedError, parkedError } from './refusals.ts';
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
  const { status } = actor.record;
  switch (envelope.kind) {
    case 'signal':
      if (isClosed(status)) return { kind: 'refuse', error: closedError(actor.record) };
      if (status === 'parked') return { kind: 'refuse', error: parkedError(actor.record) };
      return { kind: 'deliver', event: eventIn(actor, envelope.event), change: nothing };
    case 'message':
      if (status !== 'running') return { kind: 'ignore' };
      return { kind: 'deliver', event: eventIn(actor, envelope.event), change: nothing };
    case 'terminate':
      return isClosed(status) ? { kind: 'ignore' } : { kind: 'end', status: 'terminated', reason: envelope.reason };
    case 'timer':
      return status === 'running' ? timerFired(actor, envelope.generation) : { kind: 'ignore' };
    case 'child-done':
    case 'child-failed':
    case 'child-snapshot':
    case 'child-gone':
      return childReaction(actor, envelope);
    case 'stop':
      return stopReaction(actor, envelope.mode);
    default:
      return attemptReaction(actor, envelope, context);
  }
}

type AttemptKind = Extract<Envelope, { readonly kind: `attempt-${string}` }>;

/** Custom actions are made as activities are, but the chart hears only of their failure. */
function attemptReaction(actor: Actor, envelope: AttemptKind, context: DecideContext): Reaction {
  const activity = actor.activities.get(envelope.n);
  const reaction = reactionToAttempt(actor, envelope, context);
  return activity?.kind === 'actions' ? ofActions(actor, reaction) : reaction;
}

function reactionToAttempt(actor: Actor, envelope: AttemptKind, context: DecideContext): Reaction {
  const { status } = actor.record;
  switch (envelope.kind) {
    case 'attempt-due':
      return attemptDue(actor, envelope.n, context);
    case 'attempt-completed':
      if (status === 'parked') return { kind: 'ignore' };
      return attemptCompleted(actor, envelope);
    case 'attempt-failed':
      return attemptFailed(actor, envelope, envelope, context);
    case 'attempt-timed-out':
      return attemptTimedOut(actor, envelope, context);
    case 'attempt-lost':
      return attemptLost(actor, envelope, context);
    case 'attempt-released':
      return attemptReleased(actor, envelope);
  }
}

function timerFired(actor: Actor, generation: number): Reaction {
  const timer = actor.record.timers.find((armed) => armed.generation === generation);
  if (timer === undefined) return { kind: 'ignore' };
  const { to, event } = timer;
  if (to === undefined) return { kind: 'deliver', event: eventIn(actor, event), change: (draft) => disarmTimer(draft, timer) };
  const from = actor.record.address.path;
  const send: Change = (draft) => {
    disarmTimer(draft, timer);
    draft.messages.push({ to, envelope: { kind: 'message', event, from } });
  };
  return { kind: 'note', change: send };
}
