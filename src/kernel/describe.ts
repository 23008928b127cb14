/** A workflow in words and data, for whoever asks where it is. */
import type { Birth } from './birth.ts';
import { policyOf } from './activity-policy.ts';
import type { Actor } from './actor.ts';
import type { CompensationStatus, LedgerEntryDescription } from './describe-ledger.ts';
import { compensationStatus, describeLedgers } from './describe-ledger.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FanOutDescription } from './fan-out-results.ts';
import { describeFanOut } from './fan-out-results.ts';
import type { StoredActor, StoredTree } from './ports.ts';
import type { QueueDescription } from './queue-item.ts';
import { describeItem } from './queue-item.ts';
import type { ActivityRecord, ActorRecord, ParkReason, TimerRecord, WorkflowStatus } from './record.ts';
import { isClosed } from './record.ts';
import type { Json } from './json.ts';
import type { Tree } from './tree.ts';
import { decodeValue } from './value-decoding.ts';
import type { FanOutContext } from './xstate-fan-out.ts';
import { acceptedEvents } from './xstate-seam.ts';

/** An activity whose outcome is awaited. */
export interface ActivityDescription {
  /** Its number within the workflow, also the end of its idempotency key. */
  readonly n: number;
  readonly name: string;
  /**
   * `waiting` for a free place, `running` an attempt, in `backoff` until the next one, `live` for a callback or observable, `settled`: the attempt ended while the
   * workflow was paused or parked, which hears of it when it goes on; or `exhausted`: no attempt follows, and it waits for a person.
   */
  readonly state: ActivityRecord['state'];
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
  /** When the current attempt began. Epoch milliseconds; only while `running`. */
  readonly attemptStartedAtMs?: number;
  /** When it has to be over, all attempts included. Epoch milliseconds. */
  readonly scheduleToCloseAtMs?: number;
  /** Whether the current attempt's outcome comes from outside. */
  readonly isCompletedLater?: true;
  /** When a heartbeat of the current attempt was last written down. Epoch milliseconds. */
  readonly heartbeatAtMs?: number;
  /** The last details given to `heartbeat` that were written down. */
  readonly heartbeatDetails?: unknown;
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

/** An actor below the root: a machine or transition function that was invoked or spawned. Moments are epoch milliseconds. */
export interface ChildDescription {
  /** The id its parent's chart has it by. */
  readonly id: string;
  /** Its place in the workflow: numbers from the root down, the last one its own. */
  readonly path: readonly number[];
  readonly machine: { readonly id: string; readonly version: string };
  readonly status: WorkflowStatus;
  /** Stopped or left behind by its parent, and going on to an end of its own. */
  readonly isDetached: boolean;
  /** The chart's state value; null for a transition function. */
  readonly value: Json;
  readonly context: unknown;
  /** What the chart ended with. */
  readonly output?: unknown;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  /** Why it ended badly. */
  readonly failure?: FailureRecord;
  /** Of a fan-out: how far it is. */
  readonly items?: FanOutDescription;
  readonly activities: readonly ActivityDescription[];
  readonly timers: readonly TimerDescription[];
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
  /** When it was asked to cancel, by whom and why. Absent unless it was, and its chart took that. */
  readonly cancelRequested?: { readonly atMs: number; readonly reason: string; readonly by?: string };
  /** When it has to be over, and when it heard that it was not. Absent if it has no deadline. */
  readonly deadline?: { readonly atMs: number; readonly passedAtMs?: number };
  /** Since when it is paused, by whom and why. Absent unless it is. */
  readonly paused?: { readonly atMs: number; readonly by?: string; readonly note?: string };
  /** How far undoing what it did is. */
  readonly compensation: CompensationStatus;
  /** What it and its children did that can be undone, and what became of that. */
  readonly ledger: readonly LedgerEntryDescription[];
  /** Messages and outcomes stored until the workflow goes on: it hears of them before anything else. What is left of a long step counts as one. */
  readonly queued: number;
  /** Those whose outcome is awaited. */
  readonly activities: readonly ActivityDescription[];
  /** Those armed, in due order. */
  readonly timers: readonly TimerDescription[];
  /** Actors below the root, at any depth; those that are over too, up to 1,000 of them. */
  readonly children: readonly ChildDescription[];
  /** What waits for a person: `runtime.queue` deals with it. Of all runs of the id, up to 1,000 items. */
  readonly queue: readonly QueueDescription[];
  /** Event types the chart has a transition for now. Absent while its machine is not registered. */
  readonly accepts?: readonly string[];
  /** One sentence each: what it waits for. */
  readonly waitsFor: readonly string[];
}

/** Describes what is on disk; `tree` adds what only the machines know. */
export function describeWorkflow(stored: StoredTree, tree: Tree | undefined, parked?: ActorRecord['parked']): WorkflowDescription {
  const { record } = stored.root;
  const park = parked ?? record.parked;
  const status = parked === undefined ? record.status : 'parked';
  const { activities, timers } = pendingOf(stored.root, tree);
  const snapshot = tree?.root.chart.snapshot;
  const accepts = snapshot === undefined ? undefined : status === 'running' ? acceptedEvents(snapshot) : [];
  const others = stored.others.map((child) => describeChild(child, tree));
  const closed = stored.closed.map((child) => describeChild({ record: child, activities: [], children: [] }, undefined));
  const children = [...others, ...closed];
  const queue = (stored.queue ?? []).map(describeItem);
  return {
    id: record.address.workflowId,
    run: record.address.run,
    machine: { id: record.machine.id, version: record.machine.version },
    status,
    ...chartIn(record),
    sequence: record.sequence,
    startedAtMs: record.startedAtMs,
    updatedAtMs: record.updatedAtMs,
    ...(record.closedAtMs === undefined ? {} : { closedAtMs: record.closedAtMs }),
    ...(record.failure === undefined ? {} : { failure: record.failure }),
    ...(park === undefined ? {} : { parked: { reason: park.reason, message: park.failure.message } }),
    ...(record.cancelRequested === undefined ? {} : { cancelRequested: record.cancelRequested }),
    ...(record.deadline === undefined ? {} : { deadline: record.deadline }),
    ...(record.paused === undefined || parked !== undefined ? {} : { paused: record.paused }),
    compensation: compensationStatus(record),
    ledger: describeLedgers(stored),
    queued: record.queued ?? 0,
    activities,
    timers,
    children,
    queue,
    ...(accepts === undefined ? {} : { accepts }),
    waitsFor: [
      ...(status === 'paused' ? ['`resume`, since it is paused'] : []),
      ...(parked === undefined && park !== undefined ? ['`unpark`, since it is parked'] : []),
      ...waitsOf(activities, timers),
      ...waitOfDeadline(record),
      ...others.filter((child) => !isClosed(child.status)).map((child) => `child "${child.id}" in state ${JSON.stringify(child.value)}`),
      ...(accepts ?? []).map((type) => `event "${type}"`),
    ],
  };
}

/** Whoever is below the root was born. */
function describeChild(stored: StoredActor, tree: Tree | undefined): ChildDescription {
  const { address, birth, machine, status, failure, startedAtMs, updatedAtMs, isDetached } = stored.record;
  const chart = chartIn(stored.record);
  const { context } = chart;
  return {
    id: (birth as Birth).childId,
    path: address.path,
    machine: { id: machine.id, version: machine.version },
    status,
    isDetached: isDetached ?? false,
    ...chart,
    startedAtMs,
    updatedAtMs,
    ...(failure === undefined ? {} : { failure }),
    ...(stored.record.fanOut === undefined ? {} : { items: describeFanOut(stored.record, context as FanOutContext) }),
    ...pendingOf(stored, tree),
  };
}

function chartIn({ chart }: ActorRecord): Pick<WorkflowDescription, 'value' | 'context' | 'output'> {
  return {
    value: chart.value,
    context: Object.fromEntries(Object.entries(chart.context).map(([key, json]) => [key, decodeValue(json)])),
    ...(chart.output === undefined ? {} : { output: decodeValue(chart.output) }),
  };
}

function pendingOf({ record, activities }: StoredActor, tree: Tree | undefined): Pick<WorkflowDescription, 'activities' | 'timers'> {
  const actor = tree?.get(record.address.path);
  return {
    activities: activities.map((activity) => describeActivity(activity, actor)),
    timers: record.timers
      .filter(isOwn)
      .map(describeTimer)
      .sort((a, b) => a.dueAtMs - b.dueAtMs),
  };
}

function waitsOf(activities: readonly ActivityDescription[], timers: readonly TimerDescription[]): string[] {
  return [...activities.map(describeWait), ...timers.map((timer) => `timer "${timer.id}", due ${formatTime(timer.dueAtMs)}`)];
}

function waitOfDeadline({ timers }: ActorRecord): string[] {
  return timers.filter((timer) => !isOwn(timer)).map(({ dueAtMs }) => `its deadline, ${formatTime(dueAtMs)}`);
}

function describeActivity(activity: ActivityRecord, actor: Actor | undefined): ActivityDescription {
  const { n, name, state, attempt, scheduledAtMs, isHandedOver, heartbeatDetails } = activity;
  const { nextAttemptAtMs, lastFailure, attemptStartedAtMs, scheduleToCloseAtMs, heartbeatAtMs } = activity;
  const policy = actor === undefined ? undefined : policyOf(actor.machine, activity)?.retry;
  return {
    n,
    name,
    state,
    attempt,
    ...(policy === undefined ? {} : { maximumAttempts: policy.maximumAttempts }),
    idempotencyKey: activity.retryKey ?? activity.idempotencyKey,
    scheduledAtMs,
    ...(nextAttemptAtMs === undefined ? {} : { nextAttemptAtMs }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
    ...(attemptStartedAtMs === undefined ? {} : { attemptStartedAtMs }),
    ...(scheduleToCloseAtMs === undefined ? {} : { scheduleToCloseAtMs }),
    ...(isHandedOver === undefined ? {} : { isCompletedLater: isHandedOver }),
    ...(heartbeatAtMs === undefined ? {} : { heartbeatAtMs }),
    ...(heartbeatDetails === undefined ? {} : { heartbeatDetails: decodeValue(heartbeatDetails) }),
  };
}

/** The deadline is told of on its own. */
function isOwn({ isDeadline }: TimerRecord): boolean {
  return isDeadline !== true;
}

function describeTimer(timer: TimerRecord): TimerDescription {
  const type = (Object(timer.event) as { readonly type?: unknown }).type;
  return { id: timer.id, eventType: String(type), armedAtMs: timer.armedAtMs, dueAtMs: timer.dueAtMs };
}

function describeWait(activity: ActivityDescription): string {
  const { name, state, attempt, nextAttemptAtMs } = activity;
  const of = activity.maximumAttempts === undefined ? '' : ` of ${activity.maximumAttempts}`;
  if (state === 'live') return `"${name}", which is live`;
  if (activity.isCompletedLater === true) return `activity "${name}", attempt ${attempt}${of}, to be completed from outside`;
  if (state === 'settled') return `activity "${name}", attempt ${attempt}${of} ended, its outcome is queued`;
  if (state === 'exhausted') return `activity "${name}", which failed for good after attempt ${attempt}${of} and waits for a person`;
  if (state === 'running') return `activity "${name}", attempt ${attempt}${of} running`;
  if (nextAttemptAtMs === undefined) return `activity "${name}", waiting for a free place`;
  return `activity "${name}", attempt ${attempt + 1}${of} due ${formatTime(nextAttemptAtMs)}`;
}

function formatTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
