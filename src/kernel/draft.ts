/**
 * A step being put together: a private, mutable copy of what the step may change, folded into one commit at the end.
 *
 * Invariants
 * 1. `armed` and `disarmed` never share a generation: what was armed and disarmed in one step leaves no trace.
 * 2. An activity scheduled and stopped in one step never existed: no row, no effect.
 * 3. Counters only grow, also over what left no trace: a number that was handed out is never handed out again.
 */
import type { Actor } from './actor.ts';
import type { Address } from './address.ts';
import { idempotencyKey } from './address.ts';
import type { AbortReason, Effect } from './commit.ts';
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { limits } from './limits.ts';
import type { Random } from './ports.ts';
import type { StepEnvelope } from './envelope.ts';
import type { ActivityRecord, MailRecord, TimerRecord } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import { encodePayload } from './value-encoding.ts';
import type { ChartAction } from './xstate-seam.ts';
import { stateOfAfter } from './xstate-structure.ts';
import type { Json } from './json.ts';

/** What a decision depends on besides actor and envelope. */
export interface DecideContext {
  readonly nowMs: number;
  readonly random: Random;
  /** Asks the host for a place to run an attempt of this activity; a place granted is used, or the whole decision dropped. */
  readonly admit: (activityName: string) => boolean;
}

export interface Draft {
  readonly address: Address;
  readonly machine: RegisteredMachine;
  readonly context: DecideContext;
  counters: { child: number; timer: number; mail: number };
  /** Rows in the mailbox: the numbers up to `counters.mail`. */
  queued: number;
  readonly mailPut: MailRecord[];
  readonly mailRemoved: number[];
  /** The chart's state after the step: says where something is wrong. */
  stateValue: Json;
  readonly timers: Map<number, TimerRecord>;
  readonly armed: Map<number, TimerRecord>;
  readonly disarmed: TimerRecord[];
  readonly activities: Map<number, ActivityRecord>;
  readonly put: Map<number, ActivityRecord>;
  readonly removed: number[];
  readonly scheduled: number[];
  readonly effects: Effect[];
  activityFailure: FailureRecord | undefined;
}

export function openDraft(address: Address, machine: RegisteredMachine, before: Actor | undefined, context: DecideContext): Draft {
  return {
    address,
    machine,
    context,
    stateValue: before?.record.chart.value ?? null,
    counters: { child: 0, timer: 0, mail: 0, ...before?.record.counters },
    queued: before?.record.queued ?? 0,
    mailPut: [],
    mailRemoved: [],
    timers: new Map((before?.record.timers ?? []).map((timer) => [timer.generation, timer])),
    armed: new Map(),
    disarmed: [],
    activities: new Map(before?.activities),
    put: new Map(),
    removed: [],
    scheduled: [],
    effects: [],
    activityFailure: before?.record.activityFailure,
  };
}

/** Takes over what the chart asked for, in its order. */
export function applyActions(draft: Draft, actions: readonly ChartAction[], stateValue: Json): void {
  draft.stateValue = stateValue;
  for (const action of actions) {
    switch (action.kind) {
      case 'schedule':
        armTimer(draft, action.id, action.delay, action.event);
        break;
      case 'cancel':
        for (const timer of draft.timers.values()) if (timer.id === action.id) disarmTimer(draft, timer);
        break;
      case 'spawn':
        scheduleActivity(draft, action);
        break;
      case 'stop':
        dropActivity(draft, action.n, 'state-left');
    }
  }
}

/** Lets the attempts begin that were scheduled by this step and are still wanted, as far as the host has places for them. */
export function beginScheduled(draft: Draft): void {
  for (const n of draft.scheduled) {
    const activity = draft.activities.get(n);
    if (activity !== undefined && draft.context.admit(activity.name)) beginAttempt(draft, activity);
  }
}

export function beginAttempt(draft: Draft, activity: ActivityRecord): void {
  const { nextAttemptAtMs: _, ...rest } = activity;
  const attempt = activity.attempt + 1;
  putActivity(draft, { ...rest, attempt, state: 'running' });
  const { n, src, input, idempotencyKey: key } = activity;
  draft.effects.push({ kind: 'run-attempt', n, src, attempt, input, idempotencyKey: key });
}

export function putActivity(draft: Draft, activity: ActivityRecord): void {
  draft.activities.set(activity.n, activity);
  draft.put.set(activity.n, activity);
}

/** Forgets an activity; an attempt that runs is aborted. */
function dropActivity(draft: Draft, n: number, reason: AbortReason): void {
  const activity = draft.activities.get(n);
  if (activity === undefined) return;
  forgetActivity(draft, n);
  if (activity.state === 'running') draft.effects.push({ kind: 'abort-attempt', n, reason });
}

export function forgetActivity(draft: Draft, n: number): void {
  draft.activities.delete(n);
  draft.put.delete(n);
  const position = draft.scheduled.indexOf(n);
  if (position === -1) draft.removed.push(n);
  else draft.scheduled.splice(position, 1);
}

export function disarmTimer(draft: Draft, timer: TimerRecord): void {
  draft.timers.delete(timer.generation);
  if (!draft.armed.delete(timer.generation)) draft.disarmed.push(timer);
}

/** A workflow that ends leaves nothing behind that could still happen. */
export function dropEverything(draft: Draft): void {
  for (const timer of draft.timers.values()) disarmTimer(draft, timer);
  for (const n of draft.activities.keys()) dropActivity(draft, n, 'closed');
  while (draft.queued > 0) takeMail(draft);
}

/** Adds a row at the end of the mailbox. */
export function putMail(draft: Draft, envelope: StepEnvelope): number {
  draft.counters.mail += 1;
  draft.queued += 1;
  draft.mailPut.push({ n: draft.counters.mail, to: draft.address.path, envelope });
  return draft.counters.mail;
}

/** Takes the oldest row of the mailbox: rows leave it in the order they came. */
export function takeMail(draft: Draft): void {
  draft.mailRemoved.push(draft.counters.mail - draft.queued + 1);
  draft.queued -= 1;
}

function armTimer(draft: Draft, id: string | undefined, delay: unknown, event: unknown): void {
  const { nowMs } = draft.context;
  const dueAtMs = nowMs + checkDelay(draft, delay, id, event);
  if (draft.timers.size >= limits.timersMax) throw tooMany('timers', limits.timersMax);
  draft.counters.timer += 1;
  const generation = draft.counters.timer;
  const timer = { id: id ?? `timer.${generation}`, generation, dueAtMs, armedAtMs: nowMs, event: encodePayload(event, 'event') };
  draft.timers.set(generation, timer);
  draft.armed.set(generation, timer);
}

/** Zero and negative delays mean now; fractions are rounded up, so that no timer is early. */
function checkDelay(draft: Draft, delay: unknown, id: string | undefined, event: unknown): number {
  if (typeof delay === 'number' && delay <= limits.delayMsMax) return Math.max(0, Math.ceil(delay));
  const type = String((Object(event) as { type?: unknown }).type);
  const after = stateOfAfter(draft.machine.machine, id);
  const state = after ?? JSON.stringify(draft.stateValue);
  const where = after === undefined ? `the delayed event "${type}" in state ${state}` : `state "${state}"`;
  throw new PerdureError(
    'DELAY_INVALID',
    `The delay of ${where} is ${String(delay)}; give milliseconds up to 100 years (${limits.delayMsMax}).`,
    { state, delay: String(delay) },
  );
}

function scheduleActivity(draft: Draft, action: Extract<ChartAction, { kind: 'spawn' }>): void {
  const { n, childId, src } = action;
  const registered = draft.machine.activities.get(src);
  if (registered === undefined) {
    const problem = `"${src}" spawned, which no state invokes`;
    const details = { machine: draft.machine.reference.id, problems: [problem] };
    throw new PerdureError('MACHINE_INVALID', `The chart wanted ${problem}; invoke it instead.`, details);
  }
  if (draft.activities.size >= limits.activitiesMax) throw tooMany('pending activities', limits.activitiesMax);
  putActivity(draft, {
    n,
    childId,
    src,
    name: registered.name,
    input: encodePayload(action.input, `input of activity "${registered.name}"`),
    idempotencyKey: idempotencyKey(draft.address, n),
    scheduledAtMs: draft.context.nowMs,
    attempt: 0,
    uncharged: 0,
    state: 'waiting',
  });
  draft.scheduled.push(n);
}

function tooMany(what: string, max: number): Error {
  return new PerdureError('LIMIT_EXCEEDED', `A workflow can have at most ${max} ${what} at once.`, { limit: what, max });
}
