/**
 * Where what is kept of a pending activity stands: in a row of its own, or whole in the record of its actor. Every step writes the
 * record anyway, so that an activity of its own row costs two rows more for each that follows on another. Only the first few of an
 * actor stand there, and only while they are small, so that the record does not grow.
 */
import { limits } from './limits.ts';
import { roughSize } from './json.ts';
import type { Json } from './json.ts';
import type { ActivityRecord, ActorRecord, PendingActivity } from './record.ts';

/** @param pending those of its actor that are pending already */
export function fitsRecord(pending: ReadonlyMap<number, ActivityRecord>, input: Json): boolean {
  return pending.size < limits.activitiesInRecordMax && roughSize(input) <= limits.activityInRecordSizeMax;
}

/** What was told of its attempts may be large: it moves to a row of its own then, and stays there. */
export function inItsPlace(activity: ActivityRecord): ActivityRecord {
  if (activity.isInRecord !== true) return activity;
  const { lastFailure, heartbeatDetails, adjusted } = activity;
  if (lastFailure === undefined && heartbeatDetails === undefined && adjusted === undefined) return activity;
  const { isInRecord: _, ...inRow } = activity;
  return inRow;
}

/** What the record says of the pending activities. */
export function pendingIn(activities: ReadonlyMap<number, ActivityRecord>): readonly PendingActivity[] {
  const pending: PendingActivity[] = [];
  for (const activity of activities.values()) {
    pending.push(activity.isInRecord === true ? activity : { n: activity.n, childId: activity.childId });
  }
  return pending;
}

/** The same after some of them changed. */
export function pendingAfter(before: readonly PendingActivity[], changed: readonly ActivityRecord[]): readonly PendingActivity[] {
  if (changed.length === 0) return before;
  return before.map((pending) => {
    const activity = changed.find(({ n }) => n === pending.n);
    if (activity === undefined) return pending;
    return activity.isInRecord === true ? activity : { n: activity.n, childId: activity.childId };
  });
}

/** Those that stand in the record. */
export function activitiesInRecord({ activities }: Pick<ActorRecord, 'activities'>): readonly ActivityRecord[] {
  return activities.filter(isInRecord);
}

function isInRecord(pending: PendingActivity): pending is ActivityRecord {
  return (pending as Partial<ActivityRecord>).isInRecord === true;
}

/** Of activities that ended, those that had a row. */
export function rowsAmong(ended: readonly number[], before: ReadonlyMap<number, ActivityRecord> | undefined): readonly number[] {
  if (ended.length === 0) return ended;
  return ended.filter((n) => before?.get(n)?.isInRecord !== true);
}

/**
 * Whether the actor begins or ceases to have activities in its record, which a derived row says to whoever looks for actors with
 * something pending; undefined if that is as before.
 */
export function markChange(before: ActorRecord | undefined, { activities }: ActorRecord): 'put' | 'removed' | undefined {
  if (activities === before?.activities) return undefined;
  const isMarked = activities.some(isInRecord);
  if (isMarked === (before !== undefined && before.activities.some(isInRecord))) return undefined;
  return isMarked ? 'put' : 'removed';
}
