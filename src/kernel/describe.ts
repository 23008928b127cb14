/** A workflow in words and data, for whoever asks where it is. */
import type { Actor } from './actor.ts';
import type { FailureRecord } from './failure-record.ts';
import type { StoredActor } from './ports.ts';
import type { ActivityRecord, ActorRecord, ParkReason, WorkflowStatus } from './record.ts';
import type { Json } from './json.ts';
import { decodeValue } from './value-encoding.ts';
import { acceptedEvents } from './xstate-seam.ts';

/** An activity whose outcome is awaited. */
export interface ActivityDescription {
  /** Its number within the workflow, also the end of its idempotency key. */
  readonly n: number;
  readonly name: string;
  /**
   * `waiting` for a free place, `running` an attempt, in `backoff` until the next one, or `settled`: the attempt ended while the
   * workflow was paused or parked, which hears of it when it goes on.
   */
  readonly state: 'waiting' | 'running' | 'backoff' | 'settled';
  /** Attempts begun so far. */
  readonly attempt: number;
  /** Attempts its policy allows. Absent while its machine is not registered. */
  readonly maximumAttempts?: number;
  readonly idempotencyKey: string;
  /** Epoch milliseconds. */
  readonly scheduledAtMs: number;
  /** Epoch milliseconds; only in `backoff`. */
  readonly nextAttemptAtMs?: number;
  /** Why the attempt before this one failed. */
  readonly lastFailure?: FailureRecord;
}

/** An armed timer of the chart. */
export interface TimerDescription {
  /** The chart's name for it. */
  readonly id: string;
  /** Type of the event it will send. */
  readonly eventType: string;
  /** Epoch milliseconds. */
  readonly armedAtMs: number;
  /** Epoch milliseconds. */
  readonly dueAtMs: number;
}

/** A workflow as of its last commit. Moments are epoch milliseconds. */
export interface WorkflowDescription {
  readonly id: string;
  /** 1, 2, … each time the id was started again. */
  readonly run: number;
  readonly machine: { readonly id: string; readonly version: string };
  readonly status: WorkflowStatus;
  /** The chart's state value. */
  readonly value: Json;
  readonly context: unknown;
  /** What the chart ended with. */
  readonly output?: unknown;
  /** Commits so far. */
  readonly sequence: number;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  /** Absent while it is open. */
  readonly closedAtMs?: number;
  /** Why it ended badly. */
  readonly failure?: FailureRecord;
  /** Why the engine will not run it. */
  readonly parked?: { readonly reason: ParkReason; readonly message: string };
  /** Since when it is paused, by whom and why. Absent unless it is. */
  readonly paused?: { readonly atMs: number; readonly by?: string; readonly note?: string };
  /** Messages and outcomes stored until the workflow goes on: it hears of them before anything else. */
  readonly queued: number;
  /** Those whose outcome is awaited. */
  readonly activities: readonly ActivityDescription[];
  /** Those armed, in due order. */
  readonly timers: readonly TimerDescription[];
  /** Event types the chart has a transition for now. Absent while its machine is not registered. */
  readonly accepts?: readonly string[];
  /** One sentence each: what it waits for. */
  readonly waitsFor: readonly string[];
}

/** Describes what is on disk; `actor` adds what only the machine knows. */
export function describeWorkflow(stored: StoredActor, actor: Actor | undefined, parked?: ActorRecord['parked']): WorkflowDescription {
  const { record, activities } = stored;
  const park = parked ?? record.parked;
  const status = parked === undefined ? record.status : 'parked';
  const timers = record.timers.map(describeTimer).sort((a, b) => a.dueAtMs - b.dueAtMs);
  const accepts = actor === undefined ? undefined : status === 'running' ? acceptedEvents(actor.chart.snapshot) : [];
  const described = activities.map((activity) => describeActivity(activity, actor));
  return {
    id: record.address.workflowId,
    run: record.address.run,
    machine: { id: record.machine.id, version: record.machine.version },
    status,
    value: record.chart.value,
    context: Object.fromEntries(Object.entries(record.chart.context).map(([key, json]) => [key, decodeValue(json)])),
    ...(record.chart.output === undefined ? {} : { output: decodeValue(record.chart.output) }),
    sequence: record.sequence,
    startedAtMs: record.startedAtMs,
    updatedAtMs: record.updatedAtMs,
    ...(record.closedAtMs === undefined ? {} : { closedAtMs: record.closedAtMs }),
    ...(record.failure === undefined ? {} : { failure: record.failure }),
    ...(park === undefined ? {} : { parked: { reason: park.reason, message: park.failure.message } }),
    ...(record.paused === undefined || parked !== undefined ? {} : { paused: record.paused }),
    queued: record.queued ?? 0,
    activities: described,
    timers,
    ...(accepts === undefined ? {} : { accepts }),
    waitsFor: [
      ...(status === 'paused' ? ['`resume`, since it is paused'] : []),
      ...(status === 'parked' && park?.reason === 'poison' ? ['`unpark`, since it is parked'] : []),
      ...described.map(describeWait),
      ...timers.map((timer) => `timer "${timer.id}", due ${formatTime(timer.dueAtMs)}`),
      ...(accepts ?? []).map((type) => `event "${type}"`),
    ],
  };
}

function describeActivity(activity: ActivityRecord, actor: Actor | undefined): ActivityDescription {
  const { n, src, name, state, attempt, idempotencyKey, scheduledAtMs, nextAttemptAtMs, lastFailure } = activity;
  const policy = actor?.machine.activities.get(src)?.descriptor.retry;
  return {
    n,
    name,
    state,
    attempt,
    ...(policy === undefined ? {} : { maximumAttempts: policy.maximumAttempts }),
    idempotencyKey,
    scheduledAtMs,
    ...(nextAttemptAtMs === undefined ? {} : { nextAttemptAtMs }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  };
}

function describeTimer(timer: ActorRecord['timers'][number]): TimerDescription {
  const type = (Object(timer.event) as { readonly type?: unknown }).type;
  return { id: timer.id, eventType: String(type), armedAtMs: timer.armedAtMs, dueAtMs: timer.dueAtMs };
}

function describeWait(activity: ActivityDescription): string {
  const { name, state, attempt, nextAttemptAtMs } = activity;
  const of = activity.maximumAttempts === undefined ? '' : ` of ${activity.maximumAttempts}`;
  if (state === 'settled') return `activity "${name}", attempt ${attempt}${of} ended, its outcome is queued`;
  if (state === 'running') return `activity "${name}", attempt ${attempt}${of} running`;
  if (nextAttemptAtMs === undefined) return `activity "${name}", waiting for a free place`;
  return `activity "${name}", attempt ${attempt + 1}${of} due ${formatTime(nextAttemptAtMs)}`;
}

function formatTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
