import type { AbortReason } from './activity-descriptor.ts';
import type { ActorEnvelope } from './envelope.ts';
import type { ItemRecord, PageRecord } from './item-record.ts';
import type { JournalSpan } from './kept-journal.ts';
import type { LedgerRecord } from './ledger-record.ts';
import type { ListingChange } from './listing.ts';
import type { ActivityRecord, ActorRecord, ChildRecord, JournalRecord, MessageRecord, TimerRecord } from './record.ts';
import type { MailRecord } from './mail-record.ts';
import type { Json } from './json.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';

/** What a commit asks the world to do once it is on disk, in order. Timers are not effects but data: see `wake.ts`. */
export type Effect =
  | {
      readonly kind: 'run-attempt';
      readonly n: number;
      readonly src: string;
      readonly attempt: number;
      readonly input: Json;
      readonly idempotencyKey: string;
      /** What an attempt before told of itself. */
      readonly heartbeatDetails?: Json;
      /** Where it was changed by hand. */
      readonly startToCloseTimeoutMs?: number;
      /** What its code is given in place of the key, since a person gave it another input. */
      readonly retryKey?: string;
    }
  | { readonly kind: 'abort-attempt'; readonly n: number; readonly reason: AbortReason }
  | { readonly kind: 'start-volatile'; readonly n: number }
  | { readonly kind: 'tell-volatile'; readonly n: number; readonly event: Json }
  | { readonly kind: 'stop-volatile'; readonly n: number }
  | { readonly kind: 'log'; readonly label?: string; readonly value: Json };

/** What one actor of a workflow has to say to another, once its own step is taken. */
export interface Message {
  /** Path of the receiver. */
  readonly to: readonly number[];
  readonly envelope: ActorEnvelope;
}

/**
 * The value one step writes: plain data, without closures or references to live objects. A host keeps all of it atomically,
 * and performs `effects` only after that.
 */
export interface Commit {
  /** Sequence of the record it was decided on: lets a host see that it decided on an old one. 0 for a start. */
  readonly base: number;
  readonly record: ActorRecord;
  readonly journal: JournalRecord;
  /** Older records of its journal that leave: see `journalFrom` of the record. */
  readonly journalForgotten?: JournalSpan;
  /** What changed of activities: of those that do not stand in the record, rows of their own. */
  readonly activitiesPut: readonly ActivityRecord[];
  readonly activitiesRemoved: readonly number[];
  /** Those removed that had a row. */
  readonly activityRowsRemoved: readonly number[];
  /** Derived row: that the record has activities in it; only where that changes. */
  readonly activityMark?: 'put' | 'removed';
  readonly childrenPut: readonly ChildRecord[];
  readonly childrenRemoved: readonly number[];
  /** Entries of its ledger. */
  readonly ledgerPut?: readonly LedgerRecord[];
  readonly ledgerRemoved?: readonly number[];
  /** Of a fan-out: items that ended, and pages of those that have not begun. */
  readonly itemsPut?: readonly ItemRecord[];
  readonly pagesPut?: readonly PageRecord[];
  readonly pagesRemoved?: readonly number[];
  /** Derived rows: the timers armed and disarmed by this step. */
  readonly timersArmed: readonly TimerRecord[];
  readonly timersDisarmed: readonly TimerRecord[];
  /** What it changes for lists and counts. Only of roots. */
  readonly listed?: ListingChange;
  readonly message?: MessageRecord;
  /** What waits for a person from now on, and what does not any more. Most commits have none. */
  readonly queuePut?: readonly QueueRecord[];
  readonly queueRemoved?: readonly QueuePlace[];
  /** For the other actors of the workflow, in order; a host that keeps a workflow together takes their steps in the same batch. */
  readonly messages: readonly Message[];
  /** Rows of the workflow's mailbox, which stands under the root's address. */
  readonly mailPut: readonly MailRecord[];
  readonly mailRemoved: readonly number[];
  readonly effects: readonly Effect[];
}
