/** What people do to a pending activity. Every act is journaled with who did it and why. */
import type { Actor } from './actor.ts';
import { abortRunning, deliverOutput, giveUp, withChange } from './attempt-protocol.ts';
import { retried } from './dead-letter.ts';
import type { DecideContext } from './draft.ts';
import { beginAttempt, putActivity } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { Reaction } from './reaction.ts';
import type { ActivityRecord } from './record.ts';
import { isClosed } from './record.ts';
import { activityNotFound } from './refusals.ts';
import { decodeValue } from './value-decoding.ts';
import { encodeValue } from './value-encoding.ts';

type HandKind = 'activity-adjusted' | 'activity-hurried' | 'activity-retried' | 'activity-completed' | 'activity-failed';
export type HandEnvelope = Extract<Envelope, { readonly kind: HandKind }>;

export function byHand(actor: Actor, envelope: HandEnvelope, context: DecideContext): Reaction {
  const activity = isClosed(actor.record.status) ? undefined : actor.activities.get(envelope.n);
  if (activity === undefined) return { kind: 'refuse', error: activityNotFound(actor.record, envelope.n) };
  switch (envelope.kind) {
    case 'activity-adjusted':
      return { kind: 'note', change: (draft) => putActivity(draft, adjusted(activity, envelope)) };
    case 'activity-hurried':
      return hurried(activity, context);
    case 'activity-retried':
      return retried(activity, envelope);
    case 'activity-completed':
      return deliverOutput(activity, envelope.output, true);
    case 'activity-failed':
      return withChange(giveUp(actor, activity, envelope), (draft) => abortRunning(draft, activity, 'settled'));
  }
}

/** Options given now replace those given before; what was never given stays as declared. */
function adjusted(activity: ActivityRecord, envelope: Extract<HandEnvelope, { kind: 'activity-adjusted' }>): ActivityRecord {
  const before: NonNullable<ActivityRecord['adjusted']> = activity.adjusted ?? { retry: {} };
  const given = envelope.retry ?? {};
  const retry = encodeValue({ ...Object(decodeValue(before.retry)), ...Object(decodeValue(given)) }, 'retry');
  const { startToCloseTimeoutMs = before.startToCloseTimeoutMs } = envelope;
  return { ...activity, adjusted: { retry, ...(startToCloseTimeoutMs === undefined ? {} : { startToCloseTimeoutMs }) } };
}

function hurried(activity: ActivityRecord, context: DecideContext): Reaction {
  if (activity.state !== 'backoff') return { kind: 'ignore' };
  const { nextAttemptAtMs: _, ...rest } = activity;
  const waiting: ActivityRecord = { ...rest, state: 'waiting' };
  const canBegin = context.admit(activity.name, activity.idempotencyKey);
  return { kind: 'note', change: (draft) => (canBegin ? beginAttempt(draft, waiting) : putActivity(draft, waiting)) };
}
