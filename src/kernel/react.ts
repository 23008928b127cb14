/** What an envelope means to an actor, before the chart is asked. */
import type { Actor } from './actor.ts';
import { attemptCompleted, attemptDue, attemptFailed, attemptLost, attemptReleased, attemptTimedOut } from './attempt-protocol.ts';
import type { DecideContext } from './draft.ts';
import { disarmTimer } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { Change, Reaction } from './reaction.ts';
import { isClosed } from './record.ts';
import { closedError, parkedError } from './refusals.ts';
import { decodeValue } from './value-encoding.ts';
import type { EventObject } from './xstate-seam.ts';

const nothing: Change = () => {
  // The event alone changes what is kept.
};

export function reactionTo(actor: Actor, envelope: Exclude<Envelope, { kind: 'start' }>, context: DecideContext): Reaction {
  const { status } = actor.record;
  switch (envelope.kind) {
    case 'signal':
      if (isClosed(status)) return { kind: 'refuse', error: closedError(actor.record) };
      if (status === 'parked') return { kind: 'refuse', error: parkedError(actor.record) };
      return { kind: 'deliver', event: decodeValue(envelope.event) as EventObject, change: nothing };
    case 'terminate':
      return isClosed(status) ? { kind: 'ignore' } : { kind: 'terminate', reason: envelope.reason };
    case 'park':
      if (status !== 'running') return { kind: 'ignore' };
      return { kind: 'park', parked: { reason: envelope.reason, failure: { ...envelope.failure, state: actor.record.chart.value } } };
    case 'timer':
      return status === 'running' ? timerFired(actor, envelope.generation) : { kind: 'ignore' };
    case 'attempt-due':
      return status === 'running' ? attemptDue(actor, envelope.n, context) : { kind: 'ignore' };
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
  return { kind: 'deliver', event: decodeValue(timer.event) as EventObject, change: (draft) => disarmTimer(draft, timer) };
}
