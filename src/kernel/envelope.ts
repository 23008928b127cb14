import type { Birth, ParentClosePolicy } from './birth.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FailedOutcome } from './failure.ts';
import type { Json } from './json.ts';
import type { CompensationCounts, LedgerRecord } from './ledger-record.ts';

/** What happened, as an actor hears of it. Plain data: it is journaled as it is. */
export type Envelope =
  | { readonly kind: 'start'; readonly input: Json; readonly birth?: Birth }
  /** `isUpdate`: to be refused if the state does not accept it */
  | { readonly kind: 'signal'; readonly event: Json; readonly messageId?: string; readonly isUpdate?: true }
  | { readonly kind: 'timer'; readonly generation: number }
  /** the workflow is not over, and should be */
  | { readonly kind: 'deadline' }
  | { readonly kind: 'attempt-due'; readonly n: number }
  | {
      readonly kind: 'attempt-completed';
      readonly n: number;
      readonly attempt: number;
      readonly output: Json;
      readonly isFromOutside?: true;
    }
  | ({
      readonly kind: 'attempt-failed';
      readonly n: number;
      readonly attempt: number;
      /** What the error itself asks for instead of the backoff. */
      readonly nextRetryDelayMs?: number;
      readonly heartbeatDetails?: Json;
      readonly isFromOutside?: true;
    } & FailedOutcome)
  | {
      readonly kind: 'attempt-timed-out';
      readonly n: number;
      readonly attempt: number;
      /** Absent: it did not end in time. */
      readonly timeout?: 'heartbeat';
      readonly heartbeatDetails?: Json;
    }
  /** a sign of life worth keeping */
  | {
      readonly kind: 'attempt-heartbeat';
      readonly n: number;
      readonly attempt: number;
      readonly heartbeatDetails?: Json;
      readonly isFromOutside?: true;
    }
  /** its outcome will come from outside */
  | { readonly kind: 'attempt-handed-over'; readonly n: number; readonly attempt: number }
  /** it took too long as a whole; `isPastDeadline`: too long for the workflow */
  | { readonly kind: 'activity-timed-out'; readonly n: number; readonly isPastDeadline?: true }
  | ({ readonly kind: 'activity-adjusted'; readonly n: number; readonly retry?: Json; readonly startToCloseTimeoutMs?: number } & Act)
  /** its backoff is cut short */
  | ({ readonly kind: 'activity-hurried'; readonly n: number } & Act)
  /** exhausted, it begins anew, perhaps with another input */
  | ({ readonly kind: 'activity-retried'; readonly n: number; readonly input?: Json } & Act)
  | ({ readonly kind: 'activity-completed'; readonly n: number; readonly output: Json } & Act)
  | ({ readonly kind: 'activity-failed'; readonly n: number } & FailedOutcome & Act)
  /** the process died while the attempt ran */
  | { readonly kind: 'attempt-lost'; readonly n: number; readonly attempt: number }
  /** the process is closing and the attempt is given back; `hasBegun` if its code was entered */
  | {
      readonly kind: 'attempt-released';
      readonly n: number;
      readonly attempt: number;
      readonly hasBegun: boolean;
      readonly heartbeatDetails?: Json;
    }
  /** an event from another actor of the workflow, or from itself; `from` is the sender's path */
  | { readonly kind: 'message'; readonly event: Json; readonly from: readonly number[] }
  /** a child completed */
  | { readonly kind: 'child-done'; readonly n: number; readonly output: Json; readonly hasUndos?: true }
  /** a child ended in error; `isStillborn` if its first step threw, so that there is no record of it */
  | ({ readonly kind: 'child-failed'; readonly n: number; readonly isStillborn?: true; readonly hasUndos?: true } & FailedOutcome)
  /** a child that is watched has a new snapshot */
  | { readonly kind: 'child-snapshot'; readonly n: number; readonly snapshot: Json }
  /** a child that was let go came to its end, or one that was stopped; `undos` if it left something that can be undone: what logic it ran */
  | { readonly kind: 'child-gone'; readonly n: number; readonly undos?: string }
  /** the parent closed, or left the state it belongs to */
  | { readonly kind: 'stop'; readonly mode: ParentClosePolicy }
  | {
      readonly kind: 'terminate';
      readonly reason: string;
      /** Everybody below it ends in the same unit: there is nobody left to be stopped, or to be heard of. */
      readonly isForAll?: true;
      readonly by?: string;
    }
  | ItemsEnvelope
  | CancelEnvelope
  | UndoEnvelope
  | DiscardEnvelope
  | ControlEnvelope;

/** To a fan-out: what several of its items came to, each as an actor hears of one; of one item in their order. Journaled by their number alone. */
export interface ItemsEnvelope {
  readonly kind: 'items';
  readonly outcomes: readonly ItemOutcome[];
  /** How many they were, in the journal. */
  readonly count?: number;
}

/** What a fan-out may hear of one of its items. */
export type ItemOutcome = Extract<
  Envelope,
  { readonly n: number; readonly kind: `attempt-${string}` | `activity-${string}` | `child-${string}` }
>;

/** What an unwinding and the owner of a ledger say to each other. `entry` is the number of the activity or child that is undone. */
export type UndoEnvelope =
  /** to the owner: the unwinding at `from` asks what to undo next, or for one entry; `isImpatient`: it waited long enough for what is in flight */
  | { readonly kind: 'undo-next'; readonly from: readonly number[]; readonly only?: number; readonly isImpatient?: true }
  /** to the owner: what an undo came to; with a failure it is deferred. `isLast`: nothing else is asked for; `isForOthers`: it is the same with all that are left */
  | {
      readonly kind: 'undo-ended';
      readonly from: readonly number[];
      readonly entry: number;
      readonly failure?: FailureRecord;
      readonly isLast?: true;
      readonly isForOthers?: true;
    }
  /** to the unwinding: what to undo */
  | { readonly kind: 'undo-entry'; readonly entry: LedgerRecord }
  /** to the unwinding: nothing is left */
  | { readonly kind: 'undo-over' }
  /** to the owner, by a person: an undo that is owed is run again, or said to be over */
  | ({ readonly kind: 'undo-retried'; readonly entry: number; readonly input?: Json } & Act)
  | ({ readonly kind: 'undo-settled'; readonly entry: number; readonly as: 'settled' | 'written-off' } & Act)
  /** to the root: what changed */
  | { readonly kind: 'compensation-counted'; readonly change: Partial<CompensationCounts> };

/** What is asked of the engine, not of the chart: answered from the record alone, so that no machine is needed for it. */
export type ControlEnvelope = ActEnvelope | ParkEnvelope;

/** A request from outside that the workflow cancel what it does. */
export interface CancelEnvelope {
  readonly kind: 'cancel';
  readonly reason: string;
  readonly by?: string;
}

/** By a person. */
export type ActEnvelope = { readonly kind: 'pause' | 'resume' | 'unpark' } & Act;

/** By the engine itself: it will not run the workflow any more. */
export interface ParkEnvelope {
  readonly kind: 'park';
  readonly reason: 'crash-loop' | 'record-damaged';
  readonly failure: FailureRecord;
}

/** By a person: what made a chart throw leaves the mailbox unapplied. */
export interface DiscardEnvelope extends Act {
  readonly kind: 'event-discarded';
  readonly event: Json;
  /** How it had come. */
  readonly from: 'signal' | 'message' | 'timer';
  /** Path of the actor that it was for. */
  readonly to: readonly number[];
}

/** Who does something to a workflow, and why; journaled with it. */
export interface Act {
  readonly by?: string;
  readonly note?: string;
}

/** What an actor of a workflow is told, its start included. */
export type ActorEnvelope = Exclude<Envelope, ControlEnvelope | DiscardEnvelope>;

/** What an actor hears once it was started: everything a step can be taken on. */
export type StepEnvelope = Exclude<ActorEnvelope, { readonly kind: 'start' }>;
