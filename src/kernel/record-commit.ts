/**
 * Commits that change the record and leave the chart alone: what is queued, paused, resumed and unparked. They need no machine, so
 * that they can be made of a workflow whose version is not registered.
 */
import type { Actor } from './actor.ts';
import { pendingAfter } from './activities-in-record.ts';
import type { Commit, Effect } from './commit.ts';
import type { Envelope } from './envelope.ts';
import type { PerdureError } from './errors.ts';
import type { CommitContext } from './kept-journal.ts';
import { journalForgotten, journalFromAfter } from './kept-journal.ts';
import { limits } from './limits.ts';
import { listingChange } from './listing.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';
import type { ActivityRecord, ActorRecord, JournalOutcome, JournalRecord, MailRecord, MessageRecord, TimerRecord } from './record.ts';

export type RecordDecision =
  | { readonly kind: 'commit'; readonly commit: Commit }
  /** Nothing to write. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

/** What a commit of this kind may change. */
export interface RecordChange {
  /** The record after it but for sequence and time. Default: as before. */
  readonly record?: ActorRecord;
  readonly mailPut?: readonly MailRecord[];
  readonly mailRemoved?: readonly number[];
  readonly mail?: number;
  /** Where they stand is as before: what is told of an activity here is not what makes it grow. */
  readonly activitiesPut?: readonly ActivityRecord[];
  readonly effects?: readonly Effect[];
  readonly message?: Omit<MessageRecord, 'sequence' | 'atMs'>;
  readonly timersDisarmed?: readonly TimerRecord[];
  readonly queuePut?: readonly QueueRecord[];
  readonly queueRemoved?: readonly QueuePlace[];
}

export function commitRecord(
  before: ActorRecord,
  envelope: Envelope,
  outcome: JournalOutcome,
  context: CommitContext,
  change: RecordChange,
): Extract<RecordDecision, { kind: 'commit' }> {
  const { activitiesPut = [], timersDisarmed = [], queuePut = [], queueRemoved = [] } = change;
  const record = recordAfter(before, context, change);
  const { sequence, updatedAtMs: atMs } = record;
  const journal = journalOf(record, envelope, outcome, change);
  const forgotten = journalForgotten(before.journalFrom, record.journalFrom);
  const listed = listingChange(before, record);
  const commit: Commit = {
    base: before.sequence,
    record,
    journal,
    ...(forgotten === undefined ? {} : { journalForgotten: forgotten }),
    activitiesPut,
    activitiesRemoved: [],
    activityRowsRemoved: [],
    childrenPut: [],
    childrenRemoved: [],
    timersArmed: [],
    timersDisarmed,
    ...(listed === undefined ? {} : { listed }),
    ...(change.message === undefined ? {} : { message: { ...change.message, sequence, atMs } }),
    mailPut: change.mailPut ?? [],
    mailRemoved: change.mailRemoved ?? [],
    ...(queuePut.length === 0 ? {} : { queuePut }),
    ...(queueRemoved.length === 0 ? {} : { queueRemoved }),
    messages: [],
    effects: change.effects ?? [],
  };
  return { kind: 'commit', commit };
}

function recordAfter(before: ActorRecord, { nowMs, journalRecordsMax }: CommitContext, change: RecordChange): ActorRecord {
  const sequence = before.sequence + 1;
  const record: { -readonly [Key in keyof ActorRecord]: ActorRecord[Key] } = {
    ...(change.record ?? before),
    sequence,
    updatedAtMs: Math.max(nowMs, before.updatedAtMs),
    activities: pendingAfter(before.activities, change.activitiesPut ?? []),
  };
  const journalFrom = journalFromAfter(before.journalFrom, sequence, journalRecordsMax);
  if (journalFrom !== undefined) record.journalFrom = journalFrom;
  return record;
}

function journalOf(record: ActorRecord, envelope: Envelope, outcome: JournalOutcome, change: RecordChange): JournalRecord {
  const { mail, timersDisarmed = [] } = change;
  const { address, sequence, updatedAtMs: atMs, chart, status } = record;
  return {
    address,
    sequence,
    atMs,
    envelope,
    outcome,
    ...(mail === undefined ? {} : { mail }),
    status,
    value: chart.value,
    context: { set: {}, removed: [] },
    armed: [],
    cancelled: timersDisarmed.map(({ generation }) => generation),
    scheduled: [],
    stopped: [],
    ...(sequence % limits.journalSnapshotInterval === 0 ? { snapshot: chart } : {}),
  };
}

/** The actor after such a commit. */
export function actorAfter(actor: Actor, { record, activitiesPut }: Commit): Actor {
  if (activitiesPut.length === 0) return { ...actor, record };
  const activities = new Map(actor.activities);
  for (const activity of activitiesPut) activities.set(activity.n, activity);
  return { ...actor, record, activities };
}
