/**
 * Activities with `deadLetter`: where no attempt follows, the chart does not hear of a failure. The activity stays pending, `exhausted`, and
 * an item of the queue waits for a person, who has it begin anew, says what it came to, or lets it fail.
 */
import type { Actor } from './actor.ts';
import type { Draft } from './draft.ts';
import { putActivity } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FailedOutcome } from './failure.ts';
import type { Json } from './json.ts';
import { exhaustedPlace, putQueueItem, removeQueueItem } from './queue-record.ts';
import type { Reaction } from './reaction.ts';
import type { ActivityRecord } from './record.ts';

export function hasDeadLetter({ machine }: Actor, { src, kind }: ActivityRecord): boolean {
  return kind === undefined && machine.activities.get(src)?.descriptor.hasDeadLetter === true;
}

/** No attempt follows; `failure` is what it would have failed with. */
export function exhaust(draft: Draft, activity: ActivityRecord, { error }: FailedOutcome, failure: FailureRecord): void {
  const { attemptStartedAtMs: _started, isHandedOver: _handedOver, heartbeatAtMs: _heartbeat, nextAttemptAtMs: _next, ...rest } = activity;
  const { exhaustedAtMs: before = -1, name, attempt } = activity;
  const exhaustedAtMs = Math.max(draft.context.nowMs, before + 1);
  const exhausted: ActivityRecord = { ...rest, state: 'exhausted', lastFailure: failure, lastError: error, exhaustedAtMs };
  putActivity(draft, exhausted);
  const { id, version } = draft.machine.reference;
  putQueueItem(draft, { ...exhaustedPlace(draft.address, exhausted), machine: { id, version }, name, failure, attempts: attempt });
}

/**
 * It begins anew: its attempts are counted from 0 again, while their numbers go on, and so is the time it has as a whole. With another
 * input it is another request to the service that it calls, and has another key: under the one before, that would be taken for a repeat.
 */
export function retried(activity: ActivityRecord, envelope: Extract<Envelope, { kind: 'activity-retried' }>): Reaction {
  if (activity.state !== 'exhausted') return { kind: 'ignore' };
  return {
    kind: 'note',
    change: (draft) => {
      removeQueueItem(draft, exhaustedPlace(draft.address, activity));
      putActivity(draft, begunAnew(activity, envelope.input ?? activity.input, draft.context.nowMs));
    },
  };
}

function begunAnew(activity: ActivityRecord, input: Json, nowMs: number): ActivityRecord {
  const { lastError: _, scheduleToCloseAtMs, scheduledAtMs, ...rest } = activity;
  const anew: ActivityRecord = {
    ...rest,
    state: 'waiting',
    uncharged: activity.attempt,
    scheduledAtMs: nowMs,
    ...(scheduleToCloseAtMs === undefined ? {} : { scheduleToCloseAtMs: nowMs + scheduleToCloseAtMs - scheduledAtMs }),
  };
  if (JSON.stringify(input) === JSON.stringify(activity.input)) return anew;
  // How far the attempts before got with another input says nothing of this one.
  const { heartbeatDetails: _details, ...withoutDetails } = anew;
  return { ...withoutDetails, input, retryKey: `${activity.idempotencyKey}:retry:${activity.attempt}` };
}
