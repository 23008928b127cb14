/**
 * A step being put together: a private, mutable copy of what the step may change, folded into one commit at the end.
 *
 * Invariants
 * 1. What is armed and `disarmed` never share a generation: what was armed and disarmed in one step leaves no trace.
 * 2. An activity scheduled and stopped in one step never existed: no row, no effect.
 * 3. Counters only grow, also over what left no trace: a number that was handed out is never handed out again.
 */
import type { Actor } from './actor.ts';
import type { Address } from './address.ts';
import { idempotencyKey } from './address.ts';
import { fitsRecord, inItsPlace } from './activities-in-record.ts';
import type { AbortReason } from './activity-descriptor.ts';
import type { Birth } from './birth.ts';
import type { Effect, Message } from './commit.ts';
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FanOutRows, ItemRecord, PageRecord } from './item-record.ts';
import type { CommitContext } from './kept-journal.ts';
import { leaveEntry, registerActivity } from './ledger-entries.ts';
import { limits } from './limits.ts';
import type { Random } from './ports.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';
import { exhaustedPlace, removeQueueItem } from './queue-record.ts';
import type { ActivityRecord, ActorRecord, ChildRecord, TimerRecord } from './record.ts';
import type { RegisteredActivity, RegisteredMachine } from './registered-machine.ts';
import type { RestDraft } from './resting-undos.ts';
import { RowChanges } from './row-changes.ts';
import { encodePayload } from './value-encoding.ts';
import type { ChartAction } from './xstate-chart-action.ts';
import type { Json } from './json.ts';

/** What a decision depends on besides actor and envelope. */
export interface DecideContext extends CommitContext {
  /** The time an unwinding has as a whole. Default {@link limits}. */
  readonly compensationBudgetMs?: number | undefined;
  readonly random: Random;
  /** From when on no attempt begins: see `deadline-protocol.ts`. Absent: none such is set, or it was heard of. */
  readonly attemptsUntilMs?: number;
  /**
   * Asks the host for a place to run an attempt of this activity, which it knows by its `activityKey`; a place granted is used, or the
   * whole decision dropped.
   */
  readonly admit: (activityName: string, key: string) => boolean;
}

export interface Draft extends RestDraft {
  readonly address: Address;
  readonly birth: Birth | undefined;
  /** Names of actor logic from the root's machine down to this actor's. */
  readonly lineage: readonly string[];
  readonly machine: RegisteredMachine;
  readonly context: DecideContext;
  counters: { child: number; timer: number; mail: number };
  /** Rows in the mailbox: the numbers up to `counters.mail`. */
  queued: number;
  readonly mailRemoved: number[];
  /** The chart's state after the step: says where something is wrong. */
  stateValue: Json;
  /** What was put is armed. */
  readonly timers: RowChanges<TimerRecord>;
  readonly disarmed: TimerRecord[];
  readonly activities: RowChanges<ActivityRecord>;
  readonly removed: number[];
  readonly scheduled: number[];
  readonly children: RowChanges<ChildRecord>;
  readonly childrenRemoved: number[];
  readonly born: number[];
  /** That of the commit. */
  readonly sequence: number;
  askers: readonly (readonly number[])[];
  ending: ActorRecord['ending'];
  compensation: ActorRecord['compensation'];
  /** Only of a fan-out. */
  fanOut: FanOutRows | undefined;
  readonly itemsPut: ItemRecord[];
  readonly pagesPut: PageRecord[];
  readonly pagesRemoved: number[];
  readonly messages: Message[];
  readonly emitted: Json[];
  readonly effects: Effect[];
  /** What waits for a person from now on, and what does not any more: see `putQueueItem`. */
  readonly queuePut: QueueRecord[];
  readonly queueRemoved: QueuePlace[];
  isDetached: boolean;
  cancelRequested: ActorRecord['cancelRequested'];
  deadline: ActorRecord['deadline'];
  attemptsUntilMs: number;
  activityFailure: FailureRecord | undefined;
}

export function openDraft(
  address: Address,
  machine: RegisteredMachine,
  before: Actor | undefined,
  context: DecideContext,
  birth: Birth | undefined = before?.record.birth,
): Draft {
  const record = before?.record;
  return {
    address,
    birth,
    lineage: birth?.lineage ?? noLineage,
    isDetached: record?.isDetached ?? false,
    machine,
    context,
    stateValue: record?.chart.value ?? null,
    counters: { child: record?.counters.child ?? 0, timer: record?.counters.timer ?? 0, mail: record?.counters.mail ?? 0 },
    queued: record?.queued ?? 0,
    mailRemoved: [],
    timers: new RowChanges(timersOf(record)),
    disarmed: [],
    activities: new RowChanges(before?.activities ?? noRows),
    removed: [],
    scheduled: [],
    children: new RowChanges(before?.children ?? noRows),
    childrenRemoved: [],
    born: [],
    sequence: (record?.sequence ?? 0) + 1,
    ledger: new RowChanges(before?.ledger ?? noRows),
    ledgerRemoved: [],
    resting: before?.resting,
    ledgerRested: [],
    askers: record?.askers ?? nobody,
    ending: record?.ending,
    compensation: record?.compensation,
    fanOut: before?.fanOut,
    itemsPut: [],
    pagesPut: [],
    pagesRemoved: [],
    messages: [],
    emitted: [],
    effects: [],
    queuePut: [],
    queueRemoved: [],
    cancelRequested: record?.cancelRequested,
    deadline: record?.deadline,
    attemptsUntilMs: context.attemptsUntilMs ?? Infinity,
    activityFailure: record?.activityFailure,
  };
}

const noLineage: readonly string[] = [];
const nobody: readonly (readonly number[])[] = [];
const noRows: ReadonlyMap<number, never> = new Map<number, never>();

function timersOf(record: ActorRecord | undefined): ReadonlyMap<number, TimerRecord> {
  if (record === undefined || record.timers.length === 0) return noRows;
  return new Map(record.timers.map((timer) => [timer.generation, timer]));
}

/** Custom actions of an actor are run one step after the other; everything else runs beside each other. */
export function isNextInLine(activities: ReadonlyMap<number, ActivityRecord>, { n, kind }: ActivityRecord): boolean {
  return kind !== 'actions' || ![...activities.values()].some((other) => other.kind === 'actions' && other.n < n);
}

/** Lets the attempts begin that were scheduled by this step and are still wanted, as far as the host has places for them. */
export function beginScheduled(draft: Draft): void {
  for (const n of draft.scheduled) {
    const activity = draft.activities.now.get(n);
    // A volatile child is live already: it has no attempts.
    const isToBegin = activity?.state === 'waiting' && isNextInLine(draft.activities.now, activity);
    const canBegin = isToBegin && !isTooLate(draft, activity, draft.context.nowMs);
    if (canBegin && draft.context.admit(activity.name, activity.idempotencyKey)) beginAttempt(draft, activity);
  }
}

/** Custom actions belong to what was decided before. */
export function isTooLate(
  { attemptsUntilMs = Infinity }: Pick<DecideContext, 'attemptsUntilMs'>,
  { kind }: ActivityRecord,
  atMs: number,
): boolean {
  return kind !== 'actions' && atMs >= attemptsUntilMs;
}

export function beginAttempt(draft: Draft, activity: ActivityRecord): void {
  const attempt = activity.attempt + 1;
  // What is new stands before what is copied: behind it, each copy would be an object of a shape of its own.
  const running: ActivityRecord = { attemptStartedAtMs: draft.context.nowMs, ...activity, attempt, state: 'running' };
  putActivity(draft, activity.nextAttemptAtMs === undefined ? running : withoutBackoff(running));
  draft.effects.push(runAttempt(activity, attempt));
}

function withoutBackoff(activity: ActivityRecord): ActivityRecord {
  const { nextAttemptAtMs: _, ...rest } = activity;
  return rest;
}

function runAttempt({ n, src, input, idempotencyKey: key, heartbeatDetails, adjusted, retryKey }: ActivityRecord, attempt: number): Effect {
  const effect = { kind: 'run-attempt', n, src, attempt, input, idempotencyKey: key } as const;
  const startToCloseTimeoutMs = adjusted?.startToCloseTimeoutMs;
  if (heartbeatDetails === undefined && startToCloseTimeoutMs === undefined && retryKey === undefined) return effect;
  return {
    ...effect,
    ...(heartbeatDetails === undefined ? {} : { heartbeatDetails }),
    ...(startToCloseTimeoutMs === undefined ? {} : { startToCloseTimeoutMs }),
    ...(retryKey === undefined ? {} : { retryKey }),
  };
}

export function putActivity(draft: Draft, activity: ActivityRecord): void {
  draft.activities.set(activity.n, inItsPlace(activity));
}

/** Forgets an activity or volatile child; what runs is ended. */
export function dropActivity(draft: Draft, n: number, reason: AbortReason): void {
  const activity = draft.activities.now.get(n);
  if (activity === undefined) return;
  const wasScheduled = draft.scheduled.includes(n);
  leaveEntry(draft, activity);
  forgetActivity(draft, n);
  if (activity.state === 'running') draft.effects.push({ kind: 'abort-attempt', n, reason });
  if (activity.state !== 'live') return;
  if (wasScheduled) draft.effects.splice(0, draft.effects.length, ...draft.effects.filter((effect) => !isForVolatile(effect, n)));
  else draft.effects.push({ kind: 'stop-volatile', n });
}

function isForVolatile(effect: Effect, n: number): boolean {
  return (effect.kind === 'start-volatile' || effect.kind === 'tell-volatile') && effect.n === n;
}

export function forgetActivity(draft: Draft, n: number): void {
  const activity = draft.activities.now.get(n);
  if (activity?.state === 'exhausted') removeQueueItem(draft, exhaustedPlace(draft.address, activity));
  draft.activities.delete(n);
  const position = draft.scheduled.indexOf(n);
  if (position === -1) draft.removed.push(n);
  else draft.scheduled.splice(position, 1);
}

export function disarmTimer(draft: Draft, timer: TimerRecord): void {
  if (!draft.timers.delete(timer.generation)) draft.disarmed.push(timer);
}

/**
 * An actor that ends leaves nothing behind that could still happen, but for the custom actions of its last steps. What waits in
 * the mailbox may be for those, or for children that go on: it is heard of as ever, and means nothing to who has ended.
 *
 * @param isAbrupt whether no code of users is to run any more, of children neither: then not even those
 */
export function dropEverything(draft: Draft, isAbrupt = false): void {
  for (const timer of draft.timers.now.values()) disarmTimer(draft, timer);
  for (const { n, kind } of draft.activities.now.values()) if (isAbrupt || kind !== 'actions') dropActivity(draft, n, 'closed');
  if (isAbrupt) takeAllMail(draft);
}

function takeAllMail(draft: Draft): void {
  while (draft.queued > 0) takeMail(draft);
}

/** Takes the oldest row of the mailbox: rows leave it in the order they came. */
export function takeMail(draft: Draft): void {
  draft.mailRemoved.push(draft.counters.mail - draft.queued + 1);
  draft.queued -= 1;
}

export function scheduleActivity(draft: Draft, action: Extract<ChartAction, { kind: 'spawn' }>, registered: RegisteredActivity): void {
  const { n, childId, src, systemId } = action;
  const input = encodePayload(action.input, `input of activity "${registered.name}"`);
  const activity = scheduleAttempts(draft, { n, childId, src, input, ...(systemId === undefined ? {} : { systemId }) }, registered);
  if (registered.descriptor.undo !== undefined) registerActivity(draft, activity);
}

type Scheduled = Pick<ActivityRecord, 'n' | 'childId' | 'src' | 'systemId' | 'input'>;

export function scheduleAttempts(
  draft: Draft,
  { n, childId, src, systemId, input }: Scheduled,
  registered: RegisteredActivity,
): ActivityRecord {
  // A fan-out reads its source beside its items.
  const max = limits.activitiesMax + Number(draft.fanOut !== undefined);
  if (draft.activities.now.size >= max) throw tooMany('pending activities', max);
  const { scheduleToCloseTimeoutMs } = registered.descriptor;
  const activity: ActivityRecord = {
    n,
    childId,
    src,
    name: registered.name,
    ...(systemId === undefined ? {} : { systemId }),
    ...(fitsRecord(draft.activities.now, input) ? { isInRecord: true } : {}),
    input,
    idempotencyKey: idempotencyKey(draft.address, n),
    scheduledAtMs: draft.context.nowMs,
    attempt: 0,
    uncharged: 0,
    state: 'waiting',
    ...(scheduleToCloseTimeoutMs === undefined ? {} : { scheduleToCloseAtMs: draft.context.nowMs + scheduleToCloseTimeoutMs }),
  };
  putActivity(draft, activity);
  draft.scheduled.push(n);
  return activity;
}

export function tooMany(what: string, max: number): Error {
  return new PerdureError('LIMIT_EXCEEDED', `A workflow can have at most ${max} ${what} at once.`, { limit: what, max });
}
