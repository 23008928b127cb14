/**
 * The pure step: what happened, on what is known, gives one commit. Nothing here reads a clock, a store or a random source, and
 * nothing acts; an error of user code is a value. Every host calls this and nothing else to change a workflow.
 */
import type { Actor, EncodedChart } from './actor.ts';
import { encodeChart, sessionIdOf } from './actor.ts';
import type { Address } from './address.ts';
import type { Commit } from './commit.ts';
import type { DecideContext, Draft } from './draft.ts';
import { applyActions, beginScheduled, dropEverything, openDraft, putActivity, putMail, takeMail } from './draft.ts';
import type { Envelope, StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import { limits } from './limits.ts';
import { hold, isHeld, messageGiven } from './mailbox.ts';
import { failureOfEnd, statusOf } from './outcome.ts';
import { reactionTo } from './react.ts';
import type { RecordDecision } from './record-commit.ts';
import { actorAfter } from './record-commit.ts';
import { notAcceptedError } from './refusals.ts';
import type { Reaction } from './reaction.ts';
import type { ActorRecord, JournalOutcome, WorkflowStatus } from './record.ts';
import { isClosed } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { Json } from './json.ts';
import { decodeValue } from './value-encoding.ts';
import type { ChartStep, EventObject, LiveChart } from './xstate-seam.ts';
import { acceptedEvents, startChart, stepChart } from './xstate-seam.ts';

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

/**
 * Any later step.
 *
 * @param mail number of the oldest row of the mailbox, if this is its envelope
 */
export function decide(actor: Actor, envelope: StepEnvelope, context: DecideContext, mail?: number): Decision {
  const { machine, record } = actor;
  if (mail === undefined && envelope.kind !== 'terminate' && isHeld(record)) {
    return onActor(actor, hold(record, actor.activities, envelope, context.nowMs));
  }
  const reaction = readReaction(actor, envelope, context, mail);
  const draft = openDraft(record.address, machine, actor, context);
  if (mail !== undefined && reaction.kind !== 'deliver') takeMail(draft);
  switch (reaction.kind) {
    case 'ignore':
    case 'refuse':
      return reaction;
    case 'late':
      return seal(draft, actor, envelope, { outcome: 'late', mail });
    case 'note':
      reaction.change(draft);
      return seal(draft, actor, envelope, { outcome: 'noted', mail });
    case 'terminate':
      dropEverything(draft);
      return seal(draft, actor, envelope, {
        outcome: 'terminated',
        status: 'terminated',
        failure: { class: 'Terminated', message: reaction.reason, state: record.chart.value },
      });
    case 'deliver': {
      const taken = takeStep(() => deliver(actor, envelope, reaction, context, mail));
      return taken.kind === 'failed' ? park(draft, actor, envelope, taken.failure, mail) : taken;
    }
  }
}

type Committed = Extract<Decision, { kind: 'commit' }>;
type Refused = Extract<Decision, { kind: 'refuse' }>;

/** What becomes of an actor by a decision on its record alone. */
export function onActor(actor: Actor, decision: RecordDecision): Decision {
  return decision.kind === 'commit' ? { ...decision, actor: actorAfter(actor, decision.commit) } : decision;
}

/** What comes of a row of the mailbox that means nothing any more is that the row is gone. */
function readReaction(actor: Actor, envelope: StepEnvelope, context: DecideContext, mail: number | undefined): Reaction {
  const reaction = reactionTo(actor, envelope, context);
  return mail !== undefined && reaction.kind === 'ignore' ? { kind: 'late' } : reaction;
}

/** What made the chart throw is kept, to be redone first: as the row it was, or as a new one in front of all that will come. */
function park(draft: Draft, actor: Actor, envelope: StepEnvelope, thrown: FailureRecord, mail: number | undefined): Committed {
  const parked = { reason: 'poison' as const, failure: { ...thrown, state: actor.record.chart.value } };
  const activity = 'attempt' in envelope ? actor.activities.get(envelope.n) : undefined;
  if (activity !== undefined) putActivity(draft, { ...activity, state: 'settled' });
  // Whatever the chart makes of it, the attempt took too long: it gives up its place.
  if (envelope.kind === 'attempt-timed-out') draft.effects.push({ kind: 'abort-attempt', n: envelope.n, reason: 'timeout' });
  return seal(draft, actor, envelope, { outcome: 'parked', status: 'parked', parked, mail: mail ?? putMail(draft, envelope) });
}

function deliver(
  actor: Actor,
  envelope: StepEnvelope,
  reaction: { readonly event: EventObject; readonly change: (draft: Draft) => void },
  context: DecideContext,
  mail: number | undefined,
): Committed | Refused {
  const { machine, record, chart } = actor;
  const draft = openDraft(record.address, machine, actor, context);
  if (mail !== undefined) takeMail(draft);
  reaction.change(draft);
  const step = stepChart(machine.machine, chart, reaction.event, draft.counters.child);
  const isUpdate = envelope.kind === 'signal' && envelope.isUpdate === true && mail === undefined;
  if (isUpdate && !step.isHandled) return { kind: 'refuse', error: notAcceptedError(record, envelope, acceptedEvents(chart.snapshot)) };
  return finishStep(draft, actor, envelope, step, mail);
}

/** A step that throws is tried again, since a guard may have read something outside; then its failure is the answer. */
function takeStep<Taken>(step: () => Taken): Taken | { readonly kind: 'failed'; readonly failure: FailureRecord } {
  for (let retries = 0; ; retries += 1) {
    try {
      return step();
    } catch (error) {
      if (retries >= limits.stepRetriesMax) return { kind: 'failed', failure: failureOf(error) };
    }
  }
}

function finishStep(draft: Draft, before: Actor | undefined, envelope: Envelope, step: ChartStep, mail?: number): Committed {
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
    mail,
    stepped: { chart: step.chart, encoded },
  });
}

interface Ending {
  readonly outcome: JournalOutcome;
  /** Absent: as before. */
  readonly status?: WorkflowStatus;
  readonly failure?: FailureRecord | undefined;
  readonly parked?: ActorRecord['parked'];
  /** The row of the mailbox it was taken from or put into. */
  readonly mail?: number | undefined;
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
      ...(ending.mail === undefined ? {} : { mail: ending.mail }),
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
    ...messageOf(draft, record, envelope, ending),
    mailPut: draft.mailPut,
    mailRemoved: draft.mailRemoved,
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
    counters: {
      child: draft.counters.child,
      timer: draft.counters.timer,
      ...(draft.counters.mail > 0 ? { mail: draft.counters.mail } : {}),
    },
    ...(draft.queued > 0 ? { queued: draft.queued } : {}),
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

/** Of what comes from the mailbox the sender was told already. */
function messageOf(draft: Draft, record: ActorRecord, envelope: Envelope, { outcome, mail }: Ending): Pick<Commit, 'message'> {
  const isFromMailbox = mail !== undefined && draft.mailPut.length === 0;
  if (envelope.kind !== 'signal' || isFromMailbox) return {};
  const message = messageGiven(record, envelope, outcome === 'applied' || outcome === 'unhandled' ? outcome : 'queued');
  return message === undefined ? {} : { message: { ...message, sequence: record.sequence, atMs: record.updatedAtMs } };
}
