/**
 * The pure step: what happened, on what is known, gives one commit. Nothing here reads a clock, a store or a random source, and
 * nothing acts; an error of user code is a value. Every host calls this and nothing else to change a workflow.
 */
import type { Actor } from './actor.ts';
import { encodeChart, placeOf, valueOf } from './actor.ts';
import type { Address } from './address.ts';
import { applyActions, forgetChildren, stopChildren } from './apply-actions.ts';
import { abandonUndos } from './ledger.ts';
import { statusOfEnd } from './compensated-end.ts';
import { prepareFanOut } from './fan-out.ts';
import { beginUnwinding } from './unwinding.ts';
import type { Birth } from './birth.ts';
import type { Commit } from './commit.ts';
import { armDeadline } from './deadline-protocol.ts';
import type { DecideContext, Draft } from './draft.ts';
import { beginScheduled, dropEverything, openDraft, takeMail } from './draft.ts';
import type { Envelope, StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import { limits } from './limits.ts';
import { failureOfEnd, statusOf } from './outcome.ts';
import { reactionTo } from './react.ts';
import { seal } from './seal.ts';
import type { EngineEnd, Reaction } from './reaction.ts';
import { notAcceptedError } from './refusals.ts';
import type { ChildRecord } from './record.ts';
import { isClosed } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { Json } from './json.ts';
import { encodeValue } from './value-encoding.ts';
import type { Surroundings } from './xstate-scope.ts';
import type { ChartStep, EventObject, LiveChart } from './xstate-seam.ts';
import { acceptedEvents, childNumbers, failChart, startChart, stepChart } from './xstate-seam.ts';

export type Decision =
  | { readonly kind: 'commit'; readonly commit: Commit; readonly actor: Actor }
  /** Nothing to write. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly error: PerdureError }
  /** The chart threw again and again: nothing of the step is left, and whoever keeps the workflow together parks it. */
  | Poison;

export interface Poison {
  readonly kind: 'poison';
  readonly failure: FailureRecord;
  /** What the chart threw. */
  readonly error: unknown;
}

/** Where an actor begins. */
export interface Beginning {
  readonly machine: RegisteredMachine;
  readonly address: Address;
  readonly input: Json;
  readonly surroundings: Surroundings;
  /** Absent for the root. */
  readonly birth?: Birth;
  /** When the workflow has to be over; only for the root. */
  readonly deadlineAtMs?: number | undefined;
}

export type FirstDecision = Committed | Poison;

/** The first step of an actor. If it throws there is no actor, and nothing to write. */
export function decideFirst(beginning: Beginning, context: DecideContext): FirstDecision {
  const { machine, address, input, surroundings, birth, deadlineAtMs } = beginning;
  const envelope: Envelope = { kind: 'start', input, ...(birth === undefined ? {} : { birth }) };
  return takeStep(() => {
    const draft = openDraft(address, machine, undefined, context, birth);
    if (deadlineAtMs !== undefined) armDeadline(draft, deadlineAtMs);
    const given = machine.fanOut === undefined ? input : prepareFanOut(draft, machine.fanOut.plan, input);
    const step = startChart(machine.logic, placeOf(address, birth, surroundings), given);
    if (machine.isUnwinding === true) beginUnwinding(draft, step.chart);
    return finishStep(draft, undefined, envelope, step);
  });
}

/** The first step of a workflow. A chart that throws is refused: nothing is stored, and `start` says why. */
export function decideStart(beginning: Beginning, context: DecideContext): Committed | Refused {
  const taken = decideFirst(beginning, context);
  if (taken.kind === 'commit') return taken;
  const { failure } = taken;
  const id = beginning.address.workflowId;
  const message = `Workflow "${id}" was not started: its first step failed with ${failure.class}: ${failure.message}`;
  return { kind: 'refuse', error: new PerdureError('STEP_FAILED', message, { id, failure }) };
}

/**
 * Any later step of an actor whose workflow is not held.
 *
 * @param mail number of the oldest row of the mailbox, if this is its envelope and the actor is the root, which keeps the mailbox
 */
export function decide(actor: Actor, envelope: StepEnvelope, given: DecideContext, mail?: number): Decision {
  const context = actor.machine.isUnwinding === true ? shielded(given) : given;
  const reaction = readReaction(actor, envelope, context, mail);
  if (reaction.kind === 'ignore' || reaction.kind === 'refuse') return reaction;
  if (reaction.kind === 'deliver' || reaction.kind === 'ask') return takeStep(() => deliver(actor, envelope, reaction, context, mail));
  return takeStep(() => change(actor, envelope, reaction, context, mail));
}

type Changing = Exclude<Reaction, { readonly kind: 'ignore' | 'refuse' | 'deliver' | 'ask' }>;

/** A step without the chart, or its end. */
function change(actor: Actor, envelope: StepEnvelope, reaction: Changing, context: DecideContext, mail: number | undefined): Committed {
  const draft = openDraft(actor.record.address, actor.machine, actor, context);
  if (mail !== undefined) takeMail(draft);
  switch (reaction.kind) {
    case 'late':
      reaction.change?.(draft);
      return seal(draft, actor, envelope, { outcome: 'late', mail });
    case 'note':
      reaction.change(draft);
      return seal(draft, actor, envelope, { outcome: 'noted', mail });
    case 'close':
      reaction.change(draft);
      return seal(draft, actor, envelope, { outcome: 'noted', status: reaction.status, mail });
    case 'end':
      return end(draft, actor, envelope, reaction.end, mail);
    case 'fail':
      reaction.change(draft);
      return fail(draft, actor, envelope, reaction, mail);
  }
}

/** Undoing goes on whatever deadline there is. */
function shielded(given: DecideContext): DecideContext {
  const { attemptsUntilMs: _, ...context } = given;
  return context;
}

/** What comes of a row of the mailbox that means nothing any more is that the row is gone. */
function readReaction(actor: Actor, envelope: StepEnvelope, context: DecideContext, mail: number | undefined): Reaction {
  const reaction = reactionTo(actor, envelope, context);
  return mail !== undefined && (reaction.kind === 'ignore' || reaction.kind === 'refuse') ? { kind: 'late' } : reaction;
}

type Committed = Extract<Decision, { kind: 'commit' }>;
type Refused = Extract<Decision, { kind: 'refuse' }>;

function deliver(
  actor: Actor,
  envelope: StepEnvelope,
  reaction: Extract<Reaction, { kind: 'deliver' | 'ask' }>,
  context: DecideContext,
  mail: number | undefined,
): Committed | Refused {
  const { machine, record, chart } = actor;
  const draft = openDraft(record.address, machine, actor, context);
  if (mail !== undefined) takeMail(draft);
  reaction.change(draft);
  if (reaction.kind === 'ask') {
    const step = reaction.isNamed ? stepChart(machine.logic, chart, reaction.event, draft.counters.child) : undefined;
    // A transition for any event at all is no answer to this one.
    return step?.isMeant === true ? finishStep(draft, actor, envelope, step, mail) : end(draft, actor, envelope, reaction.end, mail);
  }
  const step = stepChart(machine.logic, chart, reaction.event, draft.counters.child);
  const isUpdate = envelope.kind === 'signal' && envelope.isUpdate === true && mail === undefined;
  if (isUpdate && !step.isHandled) return { kind: 'refuse', error: notAcceptedError(record, envelope, acceptedEvents(chart.snapshot)) };
  keepReferred(draft, actor, envelope, { event: reaction.event, chart: step.chart });
  return finishStep(draft, actor, envelope, step, mail);
}

/** The end of an actor whose chart is not asked. */
function end(
  draft: Draft,
  actor: Actor,
  envelope: StepEnvelope,
  { status, failureClass, reason }: EngineEnd,
  mail: number | undefined,
): Committed {
  dropEverything(draft, envelope.kind === 'terminate');
  const isEndOfAll = envelope.kind === 'terminate' && envelope.isForAll === true;
  if (isEndOfAll) {
    forgetChildren(draft);
    abandonUndos(draft);
  } else stopChildren(draft);
  const failure = { class: failureClass, message: reason, state: actor.record.chart.value };
  return seal(draft, actor, envelope, { outcome: status, status: statusOfEnd(draft, actor, status), failure, mail });
}

/** The end of an actor whose custom actions failed: its chart ends in error, as it does in XState. */
function fail(
  draft: Draft,
  actor: Actor,
  envelope: StepEnvelope,
  { error, last }: Extract<Reaction, { kind: 'fail' }>,
  mail: number | undefined,
): Committed {
  const heard = last === undefined ? actor.chart : stepChart(actor.machine.logic, actor.chart, last, draft.counters.child).chart;
  const chart = failChart(heard, error);
  const encoded = encodeChart(chart.snapshot, actor, actor.record.sequence + 1);
  dropEverything(draft);
  stopChildren(draft);
  const failure = failureOfEnd('failed', chart.snapshot, draft.activityFailure);
  const status = statusOfEnd(draft, actor, 'failed');
  return seal(draft, actor, envelope, { outcome: 'noted', status, failure, mail, stepped: { chart, encoded } });
}

/** A step that throws is tried again, since a guard may have read something outside; then its failure is the answer. */
function takeStep<Taken>(step: () => Taken): Taken | Poison {
  for (let retries = 0; ; retries += 1) {
    try {
      return step();
    } catch (error) {
      if (retries >= limits.stepRetriesMax) return { kind: 'poison', failure: failureOf(error), error };
    }
  }
}

function finishStep(draft: Draft, before: Actor | undefined, envelope: Envelope, step: ChartStep, mail?: number): Committed {
  const { snapshot } = step.chart;
  draft.counters.child = step.childCounter;
  applyActions(draft, step.actions, valueOf(snapshot));
  const encoded = encodeChart(snapshot, before, (before?.record.sequence ?? 0) + 1);
  const status = statusOf(snapshot);
  const failure = failureOfEnd(status, snapshot, draft.activityFailure);
  // Last, since nothing may throw once the host has granted places.
  if (isClosed(status)) dropEverything(draft);
  const statusAfter = statusOfEnd(draft, before, status);
  beginScheduled(draft);
  return seal(draft, before, envelope, {
    outcome: step.isHandled ? 'applied' : 'unhandled',
    status: statusAfter,
    failure,
    mail,
    stepped: { chart: step.chart, encoded },
  });
}

/** What ended in this step and is still referred to by the chart is kept in name, with its outcome. */
function keepReferred(
  draft: Draft,
  before: Actor,
  envelope: Envelope,
  { event, chart }: { readonly event: EventObject; readonly chart: LiveChart },
): void {
  const ended = 'n' in envelope ? before.activities.get(envelope.n) : undefined;
  if (ended === undefined || ended.kind === 'actions' || draft.activities.now.has(ended.n) || !childNumbers(chart).has(ended.n)) return;
  const { n, childId, src, systemId } = ended;
  const named = systemId === undefined ? {} : { systemId };
  const child = { n, childId, src, ...named, isEnded: true as const, ...outcomeIn(envelope, event) };
  draft.children.set(n, child);
}

/** What the engine itself says of an activity, such as that it took too long, is said in the event alone. */
function outcomeIn(envelope: Envelope, event: EventObject): Pick<ChildRecord, 'output' | 'error'> {
  if ('output' in envelope) return { output: envelope.output };
  return { error: 'error' in envelope ? envelope.error : encodeValue((event as { readonly error?: unknown }).error) };
}
