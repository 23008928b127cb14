/**
 * The pure step: what happened, on what is known, gives one commit. Nothing here reads a clock, a store or a random source, and
 * nothing acts; an error of user code is a value. Every host calls this and nothing else to change a workflow.
 */
import type { Actor, EncodedChart } from './actor.ts';
import { encodeChart, sessionIdOf } from './actor.ts';
import type { Address } from './address.ts';
import type { Commit } from './commit.ts';
import type { DecideContext, Draft } from './draft.ts';
import { applyActions, beginScheduled, dropEverything, openDraft } from './draft.ts';
import type { Envelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import { limits } from './limits.ts';
import { failureOfEnd, statusOf } from './outcome.ts';
import { reactionTo } from './react.ts';
import type { ActorRecord, JournalOutcome, WorkflowStatus } from './record.ts';
import { isClosed } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { Json } from './json.ts';
import { decodeValue } from './value-encoding.ts';
import type { ChartStep, EventObject, LiveChart } from './xstate-seam.ts';
import { startChart, stepChart } from './xstate-seam.ts';

export type Decision =
  | { readonly kind: 'commit'; readonly commit: Commit; readonly actor: Actor }
  /** Nothing to write. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

/** The first step of a workflow. A chart that throws is refused: nothing is stored, and `start` says why. */
export function decideStart(
  machine: RegisteredMachine,
  address: Address,
  input: Json,
  context: DecideContext,
): Exclude<Decision, { kind: 'ignore' }> {
  const envelope: Envelope = { kind: 'start', input };
  const taken = takeStep(() => {
    const draft = openDraft(address, machine, undefined, context);
    const step = startChart(machine.machine, sessionIdOf(address), decodeValue(input));
    return finishStep(draft, undefined, envelope, step);
  });
  if (taken.kind === 'commit') return taken;
  const { failure } = taken;
  const id = address.workflowId;
  return {
    kind: 'refuse',
    error: new PerdureError(
      'STEP_FAILED',
      `Workflow "${id}" was not started: its first step failed with ${failure.class}: ${failure.message}`,
      {
        id,
        failure,
      },
    ),
  };
}

/** Any later step. */
export function decide(actor: Actor, envelope: Exclude<Envelope, { kind: 'start' }>, context: DecideContext): Decision {
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
    case 'terminate':
      dropEverything(draft);
      return seal(draft, actor, envelope, {
        outcome: 'terminated',
        status: 'terminated',
        failure: { class: 'Terminated', message: reaction.reason, state: record.chart.value },
      });
    case 'park':
      return seal(draft, actor, envelope, { outcome: 'parked', status: 'parked', parked: reaction.parked });
    case 'deliver': {
      const taken = takeStep(() => deliver(actor, envelope, reaction, context));
      if (taken.kind === 'commit') return taken;
      const parked = { reason: 'poison' as const, failure: { ...taken.failure, state: record.chart.value } };
      // Whatever the chart makes of it, the attempt took too long: it gives up its place.
      if (envelope.kind === 'attempt-timed-out') draft.effects.push({ kind: 'abort-attempt', n: envelope.n, reason: 'timeout' });
      return seal(draft, actor, envelope, { outcome: 'parked', status: 'parked', parked });
    }
  }
}

type Committed = Extract<Decision, { kind: 'commit' }>;

function deliver(
  actor: Actor,
  envelope: Envelope,
  reaction: { readonly event: EventObject; readonly change: (draft: Draft) => void },
  context: DecideContext,
): Committed {
  const { machine, record, chart } = actor;
  const draft = openDraft(record.address, machine, actor, context);
  reaction.change(draft);
  const step = stepChart(machine.machine, chart, reaction.event, draft.counters.child);
  return finishStep(draft, actor, envelope, step);
}

/** A step that throws is tried again, since a guard may have read something outside; then its failure is the answer. */
function takeStep(step: () => Committed): Committed | { readonly kind: 'failed'; readonly failure: FailureRecord } {
  for (let retries = 0; ; retries += 1) {
    try {
      return step();
    } catch (error) {
      if (retries >= limits.stepRetriesMax) return { kind: 'failed', failure: failureOf(error) };
    }
  }
}

function finishStep(draft: Draft, before: Actor | undefined, envelope: Envelope, step: ChartStep): Committed {
  const { snapshot } = step.chart;
  draft.counters.child = step.childCounter;
  applyActions(draft, step.actions, snapshot.value as Json);
  const encoded = encodeChart(snapshot, before, (before?.record.sequence ?? 0) + 1);
  const status = statusOf(snapshot);
  const failure = failureOfEnd(status, snapshot, draft.activityFailure);
  // Last, since nothing may throw once the host has granted places.
  if (isClosed(status)) dropEverything(draft);
  else beginScheduled(draft);
  return seal(draft, before, envelope, {
    outcome: step.isHandled ? 'applied' : 'unhandled',
    status,
    failure,
    stepped: { chart: step.chart, encoded },
  });
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
      ...(sequence === 1 || sequence % limits.journalSnapshotInterval === 0 ? { snapshot: chartRecord } : {}),
    },
    activitiesPut: [...draft.put.values()],
    activitiesRemoved: draft.removed,
    timersArmed: armed,
    timersDisarmed: draft.disarmed,
    ...messageOf(draft.address, sequence, envelope, ending.outcome),
    effects: draft.effects,
  };
  return { kind: 'commit', commit, actor: { machine: draft.machine, record, activities: draft.activities, chart } };
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
    status,
    chart,
    sequence,
    counters: { ...draft.counters },
    timers: [...draft.timers.values()],
    activities: [...draft.activities.values()].map(({ n, childId }) => ({ n, childId })),
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
