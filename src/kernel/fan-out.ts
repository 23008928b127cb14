/**
 * A fan-out: the actor that runs many items for its parent, to which it is one child. Its items are activities or children of its own while they
 * run; before that they stand in pages, after that in rows that nothing reads again but who asks for results. Its chart (`xstate-fan-out.ts`) shows
 * counts, and changes once for all that ended at a time.
 *
 * Invariants
 * 1. Items begin in their order, each once, as many at a time as the plan says; the numbers up to `begun` are given.
 * 2. The row of an item is written in the commit in which the fan-out hears of its end; what it was is forgotten in the same one.
 * 3. `begun` is what runs and what ended: nothing is begun or ended without being counted in the same commit.
 * 4. It ends once: when nothing runs and nothing is to begin any more. Its parent hears of that alone.
 */
import type { Actor } from './actor.ts';
import { childAddress, formatAddress } from './address.ts';
import { forgetChild } from './apply-actions.ts';
import type { Draft } from './draft.ts';
import { scheduleAttempts } from './draft.ts';
import { fanOutFailed, fanOutTooLarge } from './engine-errors.ts';
import type { ItemOutcome, StepEnvelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FanOutPlan } from './fan-out-plan.ts';
import { isBreached, toBegin } from './fan-out-plan.ts';
import type { FailedItem, FanOutRows, ItemRecord, PageRecord } from './item-record.ts';
import type { Json } from './json.ts';
import { registerActivity } from './ledger-entries.ts';
import { limits } from './limits.ts';
import type { Change, Reaction } from './reaction.ts';
import { isClosed } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import { decodeValue } from './value-decoding.ts';
import { checkSize } from './value-encoding.ts';
import { checkItems, failedItem } from './xstate-fan-out.ts';
import type { FanOutContext, FanOutEvent, FanOutOutput, FanOutProgress } from './xstate-fan-out.ts';
import { contextOf } from './xstate-seam.ts';

/** The name of what is run for each item, among the actors of the fan-out. */
export const itemSource = 'item';

/**
 * Its first step: what there is to do is kept; it begins with the next one, of the same unit.
 *
 * @returns what its chart is given
 * @throws TypeError if the input is no array, Error `FanOutTooLarge`
 */
export function prepareFanOut(draft: Draft, plan: FanOutPlan, input: Json): Json {
  const inputs = checkItems(input) as readonly Json[];
  const max = limits.inlineResultsMax;
  if (plan.results === 'inline' && inputs.length > max) {
    throw fanOutTooLarge(`${inputs.length} items are too many for results inline, which may be ${max}.`);
  }
  draft.fanOut = { pages: inputs.length === 0 ? [] : [{ n: 1, first: 1, inputs }], ended: [] };
  draft.pagesPut.push(...draft.fanOut.pages);
  draft.messages.push({ to: draft.address.path, envelope: { kind: 'items', outcomes: [] } });
  return { total: inputs.length };
}

/**
 * What an envelope means to a fan-out.
 *
 * @param usual what one means to any other actor
 */
export function fanOutReaction(actor: Actor, envelope: StepEnvelope, usual: (envelope: StepEnvelope) => Reaction): Reaction {
  if (isClosed(actor.record.status)) return usual(envelope);
  if (envelope.kind === 'items') {
    return react(
      actor,
      envelope.outcomes.map((outcome) => ({ outcome, reaction: usual(outcome) })),
    );
  }
  const reaction = usual(envelope);
  if (reaction.kind !== 'deliver' || !isOutcome(envelope)) return reaction;
  return react(actor, [{ outcome: envelope, reaction }]);
}

/** What is told of one of its items, and what that would mean to any other actor. */
interface Told {
  readonly outcome: ItemOutcome;
  readonly reaction: Reaction;
}

/** The end of an item, as a chart would hear of it. */
interface Ended extends Told {
  readonly reaction: Extract<Reaction, { kind: 'deliver' }>;
}

function isOutcome(envelope: StepEnvelope): envelope is ItemOutcome {
  return 'n' in envelope && envelope.kind !== 'child-snapshot';
}

function isEnded(told: Told): told is Ended {
  return told.reaction.kind === 'deliver';
}

function react(actor: Actor, told: readonly Told[]): Reaction {
  const { plan } = fanOutOf(actor.machine);
  const ended = told.filter(isEnded);
  const counted = count(actor, ended);
  const underWay = actor.activities.size + actor.children.size - ended.length;
  const beginning = toBegin(plan, counted, underWay);
  const progress: FanOutProgress = { ...counted, begun: counted.begun + beginning };
  const change: Change = (draft) => {
    for (const each of told) take(draft, actor, each);
    beginItems(draft, counted.begun + 1, beginning);
  };
  const isFailing = isBreached(plan, progress);
  if (underWay + beginning === 0 || (isFailing && plan.onBreach === 'cancel')) return over(actor, ended, progress, change);
  if (ended.length + beginning > 0) return { kind: 'deliver', event: progressEvent(progress), change };
  const kinds = told.map(({ reaction }) => reaction.kind);
  if (kinds.includes('note')) return { kind: 'note', change };
  return kinds.includes('late') ? { kind: 'late', change } : { kind: 'ignore' };
}

function progressEvent(progress: FanOutProgress): FanOutEvent {
  return { type: 'fan-out.progress', progress };
}

function count(actor: Actor, ended: readonly Ended[]): FanOutProgress {
  const { total, begun, succeeded, failed, firstFailed } = contextOf(actor.chart.snapshot) as FanOutContext;
  const failures = ended.filter(({ reaction }) => isFailure(reaction));
  const [first] = failures;
  return {
    total,
    begun,
    succeeded: succeeded + ended.length - failures.length,
    failed: failed + failures.length,
    firstFailed:
      firstFailed ??
      (first === undefined
        ? null
        : failedItem(itemOf(actor, first.outcome.n), (first.reaction.event as { readonly error?: unknown }).error)),
  };
}

function isFailure({ event }: Ended['reaction']): boolean {
  return event.type.startsWith('xstate.error.');
}

/** Which of the items this activity or child is. */
function itemOf({ activities, children }: Actor, n: number): number {
  return Number(activities.get(n)?.childId ?? children.get(n)?.childId);
}

/** All is over, or enough has failed. */
function over(actor: Actor, ended: readonly Ended[], progress: FanOutProgress, change: Change): Reaction {
  const { plan } = fanOutOf(actor.machine);
  const fail = (error: Error): Reaction => ({ kind: 'fail', error, last: progressEvent(progress), change });
  if (isBreached(plan, progress)) return fail(fanOutFailed(progress, progress.firstFailed as FailedItem));
  const results = plan.results === 'inline' ? resultsOf(actor, ended) : [];
  try {
    checkSize(results, 'results');
  } catch {
    return fail(fanOutTooLarge(`The outputs of ${progress.succeeded} items are too large for results inline.`));
  }
  const { total, succeeded, failed } = progress;
  const address = formatAddress(actor.record.address);
  const output: FanOutOutput<unknown> = { total, succeeded, failed, results: results.map((result) => decodeValue(result)), address };
  return { kind: 'deliver', event: { type: 'fan-out.over', progress, output } as FanOutEvent, change };
}

function resultsOf(actor: Actor, ended: readonly Ended[]): readonly Json[] {
  const now = ended.flatMap(({ outcome, reaction }) =>
    isFailure(reaction) ? [] : [{ n: itemOf(actor, outcome.n), output: outputIn(outcome) }],
  );
  const before = rowsOf(actor).ended;
  const all = [...before.filter(({ status }) => status === 'completed'), ...now];
  return all.sort((a, b) => a.n - b.n).map(({ output }) => output as Json);
}

/** Of an outcome that is no failure. */
function outputIn(outcome: ItemOutcome): Json {
  return (outcome as { readonly output: Json }).output;
}

/** What every fan-out has from its first step on. */
function rowsOf({ fanOut }: { readonly fanOut: FanOutRows | undefined }): FanOutRows {
  return fanOut as FanOutRows;
}

/** What becomes of what is told of one item. */
function take(draft: Draft, actor: Actor, { outcome, reaction }: Told): void {
  if (reaction.kind !== 'deliver') {
    if (reaction.kind === 'note' || reaction.kind === 'late') reaction.change?.(draft);
    return;
  }
  const { n } = outcome;
  reaction.change(draft);
  if (actor.children.has(n)) forgetChild(draft, n);
  keep(draft, isFailure(reaction) ? failedRecord(draft, actor, n) : completedRecord(actor, outcome));
}

function completedRecord(actor: Actor, outcome: ItemOutcome): ItemRecord {
  return { n: itemOf(actor, outcome.n), status: 'completed', child: outcome.n, output: outputIn(outcome) };
}

/** Whoever looks for what went wrong finds what the item was. */
function failedRecord({ activityFailure }: Draft, actor: Actor, n: number): ItemRecord {
  const input = actor.activities.get(n)?.input;
  return {
    n: itemOf(actor, n),
    status: 'failed',
    child: n,
    failure: activityFailure as FailureRecord, // that is how it was heard of
    ...(input === undefined ? {} : { input }),
  };
}

function keep(draft: Draft, item: ItemRecord): void {
  draft.itemsPut.push(item);
  const { plan } = fanOutOf(draft.machine);
  if (plan.results !== 'inline') return;
  const rows = rowsOf(draft);
  draft.fanOut = { ...rows, ended: [...rows.ended, item] };
}

function beginItems(draft: Draft, first: number, beginning: number): void {
  const { pages } = rowsOf(draft);
  for (let item = first; item < first + beginning; item += 1) {
    const page = pages.find((each) => item < each.first + each.inputs.length) as PageRecord; // what did not begin stands in one
    begin(draft, item, page.inputs[item - page.first] as Json);
  }
  const begun = first + beginning - 1;
  const isLeft = (page: PageRecord): boolean => page.first + page.inputs.length - 1 > begun;
  const gone = pages.filter((page) => !isLeft(page));
  if (gone.length === 0) return;
  draft.pagesRemoved.push(...gone.map(({ n }) => n));
  draft.fanOut = { ...rowsOf(draft), pages: pages.filter(isLeft) };
}

function begin(draft: Draft, item: number, input: Json): void {
  draft.counters.child += 1;
  const n = draft.counters.child;
  const childId = String(item);
  const registered = draft.machine.activities.get(itemSource);
  if (registered !== undefined) {
    const activity = scheduleAttempts(draft, { n, childId, src: itemSource, input }, registered);
    if (registered.descriptor.undo !== undefined) registerActivity(draft, activity);
    return;
  }
  draft.children.set(n, { n, childId, src: itemSource, isActor: true });
  draft.born.push(n);
  const birth = { childId, lineage: [...draft.lineage, itemSource] };
  draft.messages.push({ to: childAddress(draft.address, n).path, envelope: { kind: 'start', input, birth } });
}

function fanOutOf({ fanOut }: RegisteredMachine): { readonly plan: FanOutPlan } {
  return fanOut as { readonly plan: FanOutPlan }; // only of those is this asked
}
