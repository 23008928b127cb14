/**
 * What is kept of a workflow: plain JSON data, the same for every host. The actor record is the authority; whatever else
 * speaks of timers or lists is derived from it and can be rebuilt.
 */
import type { Address } from './address.ts';
import type { Envelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';

/** The engine's one word for a workflow; the chart's own state value and tags stand beside it. */
export type WorkflowStatus = 'running' | 'parked' | 'completed' | 'failed' | 'cancelled' | 'terminated';

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
}

/** What the actor record says of a pending activity; the rest is in a row of its own, so that the record stays small. */
export interface PendingActivity {
  readonly n: number;
  /** The id of the `invoke`, by which the chart hears of the outcome. */
  readonly childId: string;
}

export interface ActivityRecord extends PendingActivity {
  readonly src: string;
  readonly name: string;
  readonly input: Json;
  readonly idempotencyKey: string;
  readonly scheduledAtMs: number;
  /** Attempts begun so far; the current one's number while `running`. */
  readonly attempt: number;
  /** Attempts ended by a shutdown: they do not count against the policy. */
  readonly uncharged: number;
  readonly state: 'waiting' | 'running' | 'backoff';
  /** When the next attempt is due; only in `backoff`. */
  readonly nextAttemptAtMs?: number;
  readonly lastFailure?: FailureRecord;
}

export interface ActorRecord {
  readonly address: Address;
  readonly machine: MachineReference;
  readonly status: WorkflowStatus;
  readonly chart: ChartRecord;
  /** Commit number of this actor, from 1, no gaps; the head of its journal. */
  readonly sequence: number;
  readonly counters: { readonly child: number; readonly timer: number };
  readonly timers: readonly TimerRecord[];
  readonly activities: readonly PendingActivity[];
  readonly startedAtMs: number;
  /** Time of the last journal record; journal times never decrease. */
  readonly updatedAtMs: number;
  readonly closedAtMs?: number;
  readonly failure?: FailureRecord;
  /** The last activity error that moved the chart: names the failure of an end that names none itself. */
  readonly activityFailure?: FailureRecord;
  readonly parked?: { readonly reason: ParkReason; readonly failure: FailureRecord };
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
  /** the workflow was parked: the step threw again and again, or it was in flight whenever the process died */
  | 'parked'
  /** closed without asking the chart, for another run */
  | 'terminated';

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
  readonly status: WorkflowStatus;
  /** The chart's state value after the step. */
  readonly value: Json;
  readonly context: ContextDelta;
  readonly armed: readonly TimerRecord[];
  readonly cancelled: readonly number[];
  readonly scheduled: readonly number[];
  readonly stopped: readonly number[];
  /** The whole chart, every 256 records: where time travel starts to fold. */
  readonly snapshot?: ChartRecord;
}

/** The outcome of a message that carried an id, kept so that repeating it is safe. */
export interface MessageRecord {
  readonly workflowId: string;
  readonly messageId: string;
  readonly run: number;
  readonly sequence: number;
  readonly outcome: 'applied' | 'unhandled';
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

export function isClosed(status: WorkflowStatus): boolean {
  return status !== 'running' && status !== 'parked';
}
