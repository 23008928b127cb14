/**
 * The pure step: what happened, on what is known, gives one commit. Nothing here reads a clock, a store or a random source, and
 * nothing acts; an error of user code is a value. Every host calls this and nothing else to change a workflow.
 */
import type { Actor, EncodedChart } from './actor.ts';
import { encodeChart, placeOf, valueOf } from './actor.ts';
import type { Address } from './address.ts';
import { applyActions, endChild, stopChildren } from './apply-actions.ts';
import type { Birth } from './birth.ts';
import { isStillborn, newsForParent } from './child-protocol.ts';
import type { Commit, Message } from './commit.ts';
import type { DecideContext, Draft } from './draft.ts';
import { beginScheduled, dropEverything, openDraft } from './draft.ts';
import type { Envelope, StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import { limits } from './limits.ts';
import { failureOfEnd, statusOf } from './outcome.ts';
import { reactionTo } from './react.ts';
import type { Reaction } from './reaction.ts';
import type { ActorRecord, JournalOutcome, WorkflowStatus } from './record.ts';
import { isClosed } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { Json } from './json.ts';
import type { Surroundings } from './xstate-scope.ts';
import type { ChartStep, LiveChart } from './xstate-seam.ts';
import { childNumbers, failChart, startChart, stepChart } from './xstate-seam.ts';

export type Decision =
  | { readonly kind: 'commit'; readonly commit: Commit; readonly actor: Actor }
  /** Nothing to write. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

/** Where an actor begins. */
export interface Beginning {
  readonly machine: RegisteredMachine;
  readonly address: Address;
  readonly input: Json;
  readonly surroundings: Surroundings;
  /** Absent for the root. */
  readonly birth?: Birth;
}

export type FirstDecision = Committed | { readonly kind: 'failed'; readonly failure: FailureRecord; readonly error: unknown };

/** The first step of an actor. If it throws there is no actor, and nothing to write. */
export function decideFirst({ machine, address, input, surroundings, birth }: Beginning, context: DecideContext): FirstDecision {
  const envelope: Envelope = { kind: 'start', input, ...(birth === undefined ? {} : { birth }) };
  return takeStep(() => {
    const draft = openDraft(address, machine, undefined, context, birth);
    const step = startChart(machine.logic, placeOf(address, birth, surroundings), input);
    return finishStep(draft, undefined, envelope, step);
  });
}

/** The first step of a workflow. A chart that throws is refused: nothing is stored, and `start` says why. */
export function decideStart(beginning: Beginning, context: DecideContext): Exclude<Decision, { kind: 'ignore' }> {
  const taken = decideFirst(beginning, context);
  if (taken.kind === 'commit') return taken;
  const { failure } = taken;
  const id = beginning.address.workflowId;
  const message = `Workflow "${id}" was not started: its first step failed with ${failure.class}: ${failure.message}`;
  return { kind: 'refuse', error: new PerdureError('STEP_FAILED', message, { id, failure }) };
}

/** Any later step. */
export function decide(actor: Actor, envelope: StepEnvelope, context: DecideContext): Decision {
  const reaction = reactionTo(actor, envelope, context);
  const { machine, record } = actor;
  const draft = openDraft(record.address, machine, actor, context);
  switch (reaction.kind) {
    case 'ignore':
    case 'refuse':
      return reaction;
    case 'late':
      return seal(draft, actor, envelope, { outcome: 'late' });
    case 'note':
      reaction.change(draft);
      return seal(draft, actor, envelope, { outcome: 'noted' });
    case 'end':
      return end(draft, actor, envelope, reaction);
    case 'fail':
      reaction.change(draft);
      return fail(draft, actor, envelope, reaction.error);
    case 'cancel':
    case 'deliver': {
      const taken = takeStep(() => deliver(actor, envelope, reaction, context));
      if (taken.kind === 'commit') return taken;
      const parked = { reason: 'poison' as const, failure: { ...taken.failure, state: record.chart.value } };
      // Whatever the chart makes of it, the attempt took too long: it gives up its place.
      if (envelope.kind === 'attempt-timed-out') draft.effects.push({ kind: 'abort-attempt', n: envelope.n, reason: 'timeout' });
      // Nor does a child come to life that was never born.
      if (isStillborn(envelope)) endChild(draft, envelope.n, envelope.error);
      return seal(draft, actor, envelope, { outcome: 'parked', status: 'parked', parked });
    }
  }
}

type Committed = Extract<Decision, { kind: 'commit' }>;

function deliver(
  actor: Actor,
  envelope: StepEnvelope,
  reaction: Extract<Reaction, { kind: 'deliver' | 'cancel' }>,
  context: DecideContext,
): Committed {
  const { machine, record, chart } = actor;
  const draft = openDraft(record.address, machine, actor, context);
  if (reaction.kind === 'cancel') {
    draft.isDetached = machine.handlesCancel;
    const step = machine.handlesCancel ? stepChart(machine.logic, chart, reaction.event, draft.counters.child) : undefined;
    // A transition for any event at all is no answer to this one.
    if (step?.isMeant !== true) return end(draft, actor, envelope, { status: 'cancelled', reason: reaction.reason });
    return finishStep(draft, actor, envelope, step);
  }
  reaction.change(draft);
  const step = stepChart(machine.logic, chart, reaction.event, draft.counters.child);
  return finishStep(draft, actor, envelope, step);
}

/** An actor in the middle of what would never end: events that go on in a circle. */
export function parkForEndless(actor: Actor, envelope: StepEnvelope, context: DecideContext): Decision {
  const { machine, record } = actor;
  if (record.status !== 'running') return { kind: 'ignore' };
  const max = limits.unitStepsMax;
  const message = `Actors were stopped after ${max} steps: the events they send each other, or themselves, lead to the same again.`;
  const failure = failureOf(new PerdureError('LIMIT_EXCEEDED', message, { limit: 'unitStepsMax', max }));
  const parked = { reason: 'poison' as const, failure: { ...failure, state: record.chart.value } };
  return seal(openDraft(record.address, machine, actor, context), actor, envelope, { outcome: 'parked', status: 'parked', parked });
}

/** The end of an actor whose chart is not asked. */
function end(
  draft: Draft,
  actor: Actor,
  envelope: StepEnvelope,
  { status, reason }: { readonly status: 'terminated' | 'cancelled'; readonly reason: string },
): Committed {
  dropEverything(draft);
  stopChildren(draft);
  const failure = { class: status === 'terminated' ? 'Terminated' : 'Cancelled', message: reason, state: actor.record.chart.value };
  return seal(draft, actor, envelope, { outcome: status, status, failure });
}

/** The end of an actor whose custom actions failed: its chart ends in error, as it does in XState. */
function fail(draft: Draft, actor: Actor, envelope: StepEnvelope, error: unknown): Committed {
  const chart = failChart(actor.chart, error);
  const encoded = encodeChart(chart.snapshot, actor, actor.record.sequence + 1);
  dropEverything(draft);
  stopChildren(draft);
  const failure = failureOfEnd('failed', chart.snapshot, draft.activityFailure);
  return seal(draft, actor, envelope, { outcome: 'noted', status: 'failed', failure, stepped: { chart, encoded } });
}

/** A step that throws is tried again, since a guard may have read something outside; then its failure is the answer. */
function takeStep(step: () => Committed): FirstDecision {
  for (let retries = 0; ; retries += 1) {
    try {
      return step();
    } catch (error) {
      if (retries >= limits.stepRetriesMax) return { kind: 'failed', failure: failureOf(error), error };
    }
  }
}

function finishStep(draft: Draft, before: Actor | undefined, envelope: Envelope, step: ChartStep): Committed {
  const { snapshot } = step.chart;
  draft.counters.child = step.childCounter;
  applyActions(draft, step.actions, valueOf(snapshot));
  if (before !== undefined) keepReferred(draft, before, envelope, step.chart);
  const encoded = encodeChart(snapshot, before, (before?.record.sequence ?? 0) + 1);
  const status = statusOf(snapshot);
  const failure = failureOfEnd(status, snapshot, draft.activityFailure);
  // Last, since nothing may throw once the host has granted places.
  if (isClosed(status)) dropEverything(draft);
  beginScheduled(draft);
  return seal(draft, before, envelope, {
    outcome: step.isHandled ? 'applied' : 'unhandled',
    status,
    failure,
    stepped: { chart: step.chart, encoded },
  });
}

/** What ended in this step and is still referred to by the chart is kept in name, with its outcome. */
function keepReferred(draft: Draft, before: Actor, envelope: Envelope, chart: LiveChart): void {
  const ended = 'n' in envelope ? before.activities.get(envelope.n) : undefined;
  if (ended === undefined || ended.kind === 'actions' || draft.activities.has(ended.n) || !childNumbers(chart).has(ended.n)) return;
  const { n, childId, src, systemId } = ended;
  const named = systemId === undefined ? {} : { systemId };
  const outcome = 'output' in envelope ? { output: envelope.output } : 'error' in envelope ? { error: envelope.error } : {};
  const child = { n, childId, src, ...named, isEnded: true as const, ...outcome };
  draft.children.set(n, child);
  draft.childrenPut.set(n, child);
}

interface Ending {
  readonly outcome: JournalOutcome;
  /** Absent: as before. */
  readonly status?: WorkflowStatus;
  readonly failure?: FailureRecord | undefined;
  readonly parked?: ActorRecord['parked'];
  readonly stepped?: { readonly chart: LiveChart; readonly encoded: EncodedChart };
}

/** Folds a draft into one commit and the actor that follows from it. */
function seal(draft: Draft, before: Actor | undefined, envelope: Envelope, ending: Ending): Committed {
  const sequence = (before?.record.sequence ?? 0) + 1;
  const chart = ending.stepped?.chart ?? before?.chart;
  const chartRecord = ending.stepped?.encoded.chart ?? before?.record.chart;
  if (chart === undefined || chartRecord === undefined) throw new TypeError('A first step comes with a chart.');
  const record = recordAfter(draft, before, sequence, ending, chartRecord);
  const armed = [...draft.armed.values()];
  // Bookkeeping is no snapshot to a parent that watches, and an end is told once.
  const isNews = ending.stepped !== undefined || (ending.status !== undefined && isClosed(ending.status));
  const commit: Commit = {
    base: sequence - 1,
    record,
    journal: {
      address: draft.address,
      sequence,
      atMs: record.updatedAtMs,
      envelope,
      outcome: ending.outcome,
      status: record.status,
      value: chartRecord.value,
      context: ending.stepped?.encoded.delta ?? { set: {}, removed: [] },
      armed,
      cancelled: draft.disarmed.map((timer) => timer.generation),
      scheduled: [...draft.scheduled],
      stopped: draft.removed,
      ...(draft.born.length === 0 ? {} : { born: draft.born }),
      ...(draft.messages.length === 0 ? {} : { sent: draft.messages.flatMap(sentIn) }),
      ...(draft.emitted.length === 0 ? {} : { emitted: draft.emitted }),
      ...(sequence === 1 || sequence % limits.journalSnapshotInterval === 0 ? { snapshot: chartRecord } : {}),
    },
    activitiesPut: [...draft.put.values()],
    activitiesRemoved: draft.removed,
    childrenPut: [...draft.childrenPut.values()],
    childrenRemoved: draft.childrenRemoved,
    timersArmed: armed,
    timersDisarmed: draft.disarmed,
    ...messageOf(draft.address, sequence, envelope, ending.outcome),
    messages: [...draft.messages, ...(isNews ? newsForParent(record) : [])],
    effects: draft.effects,
  };
  const { machine, activities, children } = draft;
  return { kind: 'commit', commit, actor: { machine, record, activities, children, chart } };
}

/** Events that one actor sends another; starts and stops are said elsewhere. */
function sentIn({ to, envelope }: Message): readonly { readonly to: readonly number[]; readonly type: string }[] {
  return envelope.kind === 'message' ? [{ to, type: String((envelope.event as { readonly type?: unknown }).type) }] : [];
}

function recordAfter(draft: Draft, before: Actor | undefined, sequence: number, ending: Ending, chart: ActorRecord['chart']): ActorRecord {
  const old = before?.record;
  const atMs = Math.max(draft.context.nowMs, old?.updatedAtMs ?? 0);
  const status = ending.status ?? old?.status ?? 'running';
  const closedAtMs = old?.closedAtMs ?? (isClosed(status) ? atMs : undefined);
  const failure = ending.failure ?? old?.failure;
  const parked = ending.parked ?? old?.parked;
  const { activityFailure } = draft;
  return {
    address: draft.address,
    machine: draft.machine.reference,
    ...(draft.birth === undefined ? {} : { birth: draft.birth }),
    ...(draft.isDetached ? { isDetached: true } : {}),
    status,
    chart,
    sequence,
    counters: { ...draft.counters },
    timers: [...draft.timers.values()],
    activities: [...draft.activities.values()].map(({ n, childId }) => ({ n, childId })),
    children: draft.children.size,
    startedAtMs: old?.startedAtMs ?? atMs,
    updatedAtMs: atMs,
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    ...(failure === undefined ? {} : { failure }),
    ...(activityFailure === undefined ? {} : { activityFailure }),
    ...(parked === undefined ? {} : { parked }),
  };
}

function messageOf(address: Address, sequence: number, envelope: Envelope, outcome: JournalOutcome): Pick<Commit, 'message'> {
  if (envelope.kind !== 'signal' || envelope.messageId === undefined) return {};
  if (outcome !== 'applied' && outcome !== 'unhandled') return {};
  const { workflowId, run } = address;
  return { message: { workflowId, messageId: envelope.messageId, run, sequence, outcome } };
}
