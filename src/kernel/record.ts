/**
 * What is kept of a workflow: plain JSON data, the same for every host. The actor record is the authority; whatever else
 * speaks of timers or lists is derived from it and can be rebuilt.
 */
import type { Address } from './address.ts';
import type { Birth } from './birth.ts';
import type { Act, Envelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';
import type { CompensationCounts } from './ledger-record.ts';

/** The engine's one word for a workflow; the chart's own state value and tags stand beside it. */
export type WorkflowStatus = 'running' | 'paused' | 'compensating' | 'parked' | 'completed' | 'failed' | 'cancelled' | 'terminated';

/** Why the engine will not run a workflow. The last two are found when it is read and end when the thing is registered. */
export type ParkReason = 'poison' | 'crash-loop' | 'record-damaged' | 'version-missing' | 'activity-missing';

export interface MachineReference {
  readonly id: string;
  readonly version: string;
  readonly structureHash: string;
}

/** XState's snapshot in our own encoding: nothing of its shape leaks past this. */
export interface ChartRecord {
  readonly status: 'active' | 'done' | 'error';
  readonly value: Json;
  /** Top-level keys of the context, each encoded on its own. */
  readonly context: { readonly [key: string]: Json };
  /** History state id → ids of the states it recalls. */
  readonly history: { readonly [stateId: string]: readonly string[] };
  readonly output?: Json;
  readonly error?: Json;
}

export interface TimerRecord {
  /** The chart's name for it, by which it is cancelled; two armed timers may share one. */
  readonly id: string;
  /** Unique within the actor, from a counter committed with it: tells this arming from any earlier one of the same id. */
  readonly generation: number;
  readonly dueAtMs: number;
  readonly armedAtMs: number;
  readonly event: Json;
  /** It is the deadline of the workflow, and none of the chart's. Only of roots. */
  readonly isDeadline?: true;
  /** Path of the actor it is for, if that is not the one that armed it. */
  readonly to?: readonly number[];
}

/** A child that runs or that its parent's chart still refers to. */
export interface ChildRecord {
  /** Number from the parent's counter; the last part of its address. */
  readonly n: number;
  readonly childId: string;
  readonly src: string;
  readonly systemId?: string;
  /** It has an actor record of its own. Otherwise it was an activity. */
  readonly isActor?: true;
  /** Its end was heard of; the chart still refers to it. */
  readonly isEnded?: true;
  /** Stopped or left behind by its parent; kept so that it is found as long as it runs. */
  readonly isDetached?: true;
  /** What it ended with, if it has no record that says so. */
  readonly output?: Json;
  readonly error?: Json;
}

/** What the actor record says of a pending activity at least: all there is if it is small, otherwise the rest is in a row of its own. */
export interface PendingActivity {
  readonly n: number;
  /** The id of the `invoke`, by which the chart hears of the outcome. */
  readonly childId: string;
}

export interface ActivityRecord extends PendingActivity {
  readonly src: string;
  readonly name: string;
  /**
   * Absent for an activity. `actions`: the custom actions of one step, run in order. `volatile`: a callback or observable, which
   * lives as long as its actor wants it and begins anew in each process.
   */
  readonly kind?: 'actions' | 'volatile';
  readonly systemId?: string;
  /** Whether the chart hears of the snapshots of a volatile child. */
  readonly isWatched?: true;
  /** It stands whole in the record of its actor, and has no row. */
  readonly isInRecord?: true;
  readonly input: Json;
  readonly idempotencyKey: string;
  readonly scheduledAtMs: number;
  /** Attempts begun so far; the current one's number while `running`. */
  readonly attempt: number;
  /** Attempts ended by a shutdown: they do not count against the policy. */
  readonly uncharged: number;
  /**
   * `settled`: the attempt ended, and its outcome waits in the mailbox. `live`: a volatile child, which has no attempts. `exhausted`: no
   * attempt follows, and what comes of it is a person's decision.
   */
  readonly state: 'waiting' | 'running' | 'backoff' | 'settled' | 'live' | 'exhausted';
  /** When the next attempt is due; only in `backoff`. */
  readonly nextAttemptAtMs?: number;
  readonly lastFailure?: FailureRecord;
  /** When it has to be over, all attempts included. */
  readonly scheduleToCloseAtMs?: number;
  /** When the current attempt began; only while `running`. */
  readonly attemptStartedAtMs?: number;
  /** The current attempt's outcome comes from outside, so that it outlives the process; only while `running`. */
  readonly isHandedOver?: true;
  /** The last sign of life of an attempt that was handed over; of others the process keeps it. */
  readonly heartbeatAtMs?: number;
  /** The last details an attempt told; the next one is given them. */
  readonly heartbeatDetails?: Json;
  /** What the last attempt failed with, as the chart would hear of it; only while `exhausted`. */
  readonly lastError?: Json;
  /** When it was last `exhausted`: part of the place of its item in the queue, of which none is used twice. */
  readonly exhaustedAtMs?: number;
  /** Given to its code in place of the idempotency key, since a person gave it another input. */
  readonly retryKey?: string;
  /** What was changed by hand of the declaration's policy: options, encoded. */
  readonly adjusted?: { readonly retry: Json; readonly startToCloseTimeoutMs?: number };
}

/** What made a chart throw. */
export interface ParkedOnPoison {
  /** Its row of the mailbox. */
  readonly mail: number;
  /** Path of the actor that it is for. */
  readonly path: readonly number[];
  readonly atMs: number;
}

/** A state in which a person decides. */
export interface OpenDecision {
  /** From a counter of its actor. */
  readonly n: number;
  /** Its path in the chart. */
  readonly state: string;
  readonly atMs: number;
}

export interface ActorRecord {
  readonly address: Address;
  readonly machine: MachineReference;
  /** Absent for the root. */
  readonly birth?: Birth;
  /** Its parent stopped it or closed, and does not hear of its end. */
  readonly isDetached?: true;
  readonly status: WorkflowStatus;
  readonly chart: ChartRecord;
  /** Commit number of this actor, from 1, no gaps; the head of its journal. */
  readonly sequence: number;
  /** Where its journal goes on behind the first record: those between were forgotten. Absent while all are there. */
  readonly journalFrom?: number;
  /** They only grow. `mail` numbers the rows of the mailbox and is absent until there was one. */
  readonly counters: { readonly child: number; readonly timer: number; readonly mail?: number };
  /** Rows waiting in the mailbox, the last of which is `counters.mail`; absent if there are none. Only in a root's record. */
  readonly queued?: number;
  readonly timers: readonly TimerRecord[];
  readonly activities: readonly PendingActivity[];
  /** How many child records there are: they have rows of their own, so that this one does not grow with them. */
  readonly children: number;
  /** How many entries its ledger has, likewise; absent if there are none. */
  readonly ledger?: number;
  /**
   * Only of a fan-out: how many pages of items there are that have not begun, and how many rows of items that ended; `isInline` if these are
   * read with it; `untold` undos of items that the root was not told of yet.
   */
  readonly fanOut?: { readonly pages: number; readonly ended: number; readonly isInline?: true; readonly untold?: number };
  /** Paths of the unwindings that wait to be told what to undo next, the one that asked first in front. */
  readonly askers?: readonly (readonly number[])[];
  /** How it will have ended once the unwinding with this number among its children is over: its chart has ended. Only of roots. */
  readonly ending?: { readonly status: 'failed' | 'cancelled'; readonly n: number };
  /** Only in a root's record, and absent until there was something to undo. */
  readonly compensation?: CompensationCounts;
  readonly startedAtMs: number;
  /** Time of the last journal record; journal times never decrease. */
  readonly updatedAtMs: number;
  readonly closedAtMs?: number;
  readonly failure?: FailureRecord;
  /** The last activity error that moved the chart: names the failure of an end that names none itself. */
  readonly activityFailure?: FailureRecord;
  readonly parked?: { readonly reason: ParkReason; readonly failure: FailureRecord; readonly poison?: ParkedOnPoison };
  /** Those that wait for a person, and how many there ever were. Absent while there were none. */
  readonly decisions?: { readonly last: number; readonly open: readonly OpenDecision[] };
  /** That it was asked to cancel, and its chart took that: it is not asked again. Only of roots. */
  readonly cancelRequested?: { readonly atMs: number; readonly reason: string; readonly by?: string };
  /** When the workflow has to be over, and when it heard that it was not. Only of roots. */
  readonly deadline?: { readonly atMs: number; readonly passedAtMs?: number };
  /** Since when it is paused, by whom and why; only while it is. */
  readonly paused?: Act & { readonly atMs: number };
}

/** What became of an envelope. */
export type JournalOutcome =
  /** the chart took the event */
  | 'applied'
  /** the chart had no transition for it */
  | 'unhandled'
  /** bookkeeping of an activity: an attempt began, failed and will be retried, was lost or given back */
  | 'noted'
  /** a result nobody waits for any more */
  | 'late'
  /** stored until the workflow is resumed or unparked */
  | 'queued'
  /** the workflow was parked: the step threw again and again, and what threw is stored to be redone first; or it was in flight whenever the process died */
  | 'parked'
  /** closed without asking the chart: for another run, or since the parent wanted it so */
  | 'terminated'
  | 'cancelled'
  /** closed without asking the chart, or without its having anything to say: the deadline passed */
  | 'failed';

export interface ContextDelta {
  readonly set: { readonly [key: string]: Json };
  readonly removed: readonly string[];
}

export interface JournalRecord {
  readonly address: Address;
  readonly sequence: number;
  readonly atMs: number;
  readonly envelope: Envelope;
  readonly outcome: JournalOutcome;
  /** Of a timer that fired, or the deadline: when it was due. */
  readonly dueAtMs?: number;
  /** The row of the mailbox that it was put into, or taken from. */
  readonly mail?: number;
  readonly status: WorkflowStatus;
  /** The chart's state value after the step. */
  readonly value: Json;
  readonly context: ContextDelta;
  readonly armed: readonly TimerRecord[];
  readonly cancelled: readonly number[];
  readonly scheduled: readonly number[];
  readonly stopped: readonly number[];
  /** Children started. */
  readonly born?: readonly number[];
  /** Events for other actors of the workflow: to whom, and the type. */
  readonly sent?: readonly { readonly to: readonly number[]; readonly type: string }[];
  /** Events the chart emitted. */
  readonly emitted?: readonly Json[];
  /** The whole chart, every 256 records: where time travel starts to fold. */
  readonly snapshot?: ChartRecord;
}

/** The outcome of a message that carried an id, kept so that repeating it is safe. */
export interface MessageRecord {
  readonly workflowId: string;
  readonly messageId: string;
  readonly run: number;
  readonly sequence: number;
  readonly outcome: 'applied' | 'unhandled' | 'queued';
  /** When it was given, in epoch milliseconds. */
  readonly atMs: number;
}

/** What is left of a deleted workflow id, so that its run numbers are never given again. */
export interface TombstoneRecord {
  /** The highest run it ever had: none up to this one exists. */
  readonly lastRun: number;
  /** Rows of it may still be there; nothing reads them, and they go before the id is used again. */
  readonly isClearing?: true;
}

/** The structure of one version of a machine, stored once. */
export interface DefinitionRecord {
  readonly machine: MachineReference;
  readonly structure: Json;
  /**
   * The version was not registered and no workflow was open on it. None can come while it is not, so that nobody has to look
   * again; registering it takes the mark away.
   */
  readonly isRetired?: true;
}

/** Whether an actor has come to its end. */
export function isClosed(status: WorkflowStatus): boolean {
  return status !== 'running' && status !== 'paused' && status !== 'parked' && status !== 'compensating';
}

/** Whether the chart of an actor has come to its end: what it did may still be undone. */
export function hasEnded({ status, ending }: Pick<ActorRecord, 'status' | 'ending'>): boolean {
  return ending !== undefined || isClosed(status);
}

/** The status of one that is neither held nor over. */
export function statusGoingOn({ ending }: Pick<ActorRecord, 'ending'>): 'running' | 'compensating' {
  return ending === undefined ? 'running' : 'compensating';
}
