import type { Envelope } from './envelope.ts';
import type { ActivityRecord, ActorRecord, ChildRecord, JournalRecord, MessageRecord, TimerRecord } from './record.ts';
import type { Json } from './json.ts';

/** What a commit asks the world to do once it is on disk, in order. Timers are not effects but data: see `wake.ts`. */
export type Effect =
  | {
      readonly kind: 'run-attempt';
      readonly n: number;
      readonly src: string;
      readonly attempt: number;
      readonly input: Json;
      readonly idempotencyKey: string;
    }
  | { readonly kind: 'abort-attempt'; readonly n: number; readonly reason: AbortReason }
  | { readonly kind: 'start-volatile'; readonly n: number }
  | { readonly kind: 'stop-volatile'; readonly n: number }
  | { readonly kind: 'log'; readonly label?: string; readonly value: Json };

/** What one actor of a workflow has to say to another, once its own step is taken. */
export interface Message {
  /** Path of the receiver. */
  readonly to: readonly number[];
  readonly envelope: Envelope;
}

/** Why an attempt's `AbortSignal` fired. */
export type AbortReason = 'state-left' | 'timeout' | 'closed' | 'shutdown';

/**
 * The value one step writes: plain data, without closures or references to live objects. A host keeps all of it atomically,
 * and performs `effects` only after that.
 */
export interface Commit {
  /** Sequence of the record it was decided on: lets a host see that it decided on an old one. 0 for a start. */
  readonly base: number;
  readonly record: ActorRecord;
  readonly journal: JournalRecord;
  /** Rows of their own, so that the record stays small. */
  readonly activitiesPut: readonly ActivityRecord[];
  readonly activitiesRemoved: readonly number[];
  readonly childrenPut: readonly ChildRecord[];
  readonly childrenRemoved: readonly number[];
  /** Derived rows: the timers armed and disarmed by this step. */
  readonly timersArmed: readonly TimerRecord[];
  readonly timersDisarmed: readonly TimerRecord[];
  readonly message?: MessageRecord;
  /** For the other actors of the workflow, in order; a host that keeps a workflow together takes their steps in the same batch. */
  readonly messages: readonly Message[];
  readonly effects: readonly Effect[];
}
