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
import { formatAddress } from './address.ts';
import { forgetChild } from './apply-actions.ts';
import type { Draft } from './draft.ts';
import { fanOutFailed, fanOutTooLarge } from './engine-errors.ts';
import type { ItemOutcome, StepEnvelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FanOutPlan } from './fan-out-plan.ts';
import type { PageRead } from './fan-out-source.ts';
import { isToRead, keepPage, pageOf, pagesSource, problemOfReading, readPage, readerOf, sourceAfter } from './fan-out-source.ts';
import { beginItems } from './fan-out-beginning.ts';
import { armNext, itemSource, leftInRow, refusalOf } from './fan-out-limits.ts';
import { isBreached, toBegin } from './fan-out-plan.ts';
import type { FailedItem, FanOutRows, ItemRecord } from './item-record.ts';
import type { Json } from './json.ts';
import type { Change, Reaction } from './reaction.ts';
import { isClosed } from './record.ts';
import { decodeValue } from './value-decoding.ts';
import { checkSize } from './value-encoding.ts';
import { checkItems, failedItem } from './xstate-fan-out.ts';
import type { FanOutContext, FanOutEvent, FanOutOutput, FanOutProgress } from './xstate-fan-out.ts';
import { contextOf } from './xstate-seam.ts';

/**
 * Its first step: what there is to do is kept; it begins with the next one, of the same unit.
 *
 * @returns what its chart is given
 * @throws TypeError if the input is no array, Error `FanOutTooLarge`
 */
export function prepareFanOut(draft: Draft, plan: FanOutPlan, input: Json): Json {
  draft.messages.push({ to: draft.address.path, envelope: { kind: 'items', outcomes: [] } });
  const inline = plan.results === 'inline' ? { isInline: true as const } : {};
  if (draft.machine.activities.has(pagesSource)) {
    draft.fanOut = { pages: [], ended: [], ...inline };
    return { total: 0, source: { input, next: null } };
  }
  const inputs = checkItems(input) as readonly Json[];
  const refusal = refusalOf(draft, plan, inputs.length);
  if (refusal !== undefined) throw refusal;
  draft.fanOut = { pages: inputs.length === 0 ? [] : [{ n: 1, first: 1, inputs }], ended: [], ...inline };
  draft.pagesPut.push(...draft.fanOut.pages);
  return { total: inputs.length, source: null };
}

/**
 * What an envelope means to a fan-out.
 *
 * @param usual what one means to any other actor
 */
export function fanOutReaction(actor: Actor, envelope: StepEnvelope, usual: (envelope: StepEnvelope) => Reaction): Reaction {
  if (envelope.kind === 'items') return itemsReaction(actor, envelope.outcomes, usual);
  if (envelope.kind === 'timer') return goOn(actor, usual(envelope));
  const reaction = usual(envelope);
  if (isClosed(actor.record.status) || reaction.kind !== 'deliver' || !isOutcome(envelope)) return reaction;
  return react(actor, [{ outcome: envelope, reaction }]);
}

/** What each means is asked of the state before the step: what else is told of the same item is heard of in the next one, of the same unit. */
function itemsReaction(actor: Actor, outcomes: readonly ItemOutcome[], usual: (envelope: StepEnvelope) => Reaction): Reaction {
  const told = new Map<number, Told>();
  const again: ItemOutcome[] = [];
  for (const outcome of outcomes) {
    if (told.has(outcome.n)) again.push(outcome);
    else told.set(outcome.n, { outcome, reaction: usual(outcome) });
  }
  const all = [...told.values()];
  const reaction = isClosed(actor.record.status) ? withoutChart(all, (draft) => takeAll(draft, actor, all)) : react(actor, all);
  if (again.length === 0) return reaction;
  // What means nothing changes nothing of what the others mean.
  if (!('change' in reaction)) return itemsReaction(actor, again, usual);
  const change: Change = (draft) => {
    reaction.change?.(draft);
    draft.messages.push({ to: draft.address.path, envelope: { kind: 'items', outcomes: again } });
  };
  return { ...reaction, change };
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

/** @param fired of the timer, which only a fan-out that runs has */
function goOn(actor: Actor, fired: Reaction): Reaction {
  if (fired.kind !== 'deliver') return fired;
  const reaction = react(actor, [], true);
  const change: Change = (draft) => {
    fired.change(draft);
    if ('change' in reaction) reaction.change?.(draft);
  };
  return reaction.kind === 'ignore' ? { kind: 'note', change } : ({ ...reaction, change } as Reaction);
}

function react(actor: Actor, told: readonly Told[], isInTurn = false): Reaction {
  const plan = planOf(actor);
  const reader = readerOf(actor);
  const { source: before } = contextOf(actor.chart.snapshot) as FanOutContext;
  const allEnded = told.filter(isEnded);
  const page = allEnded.flatMap(({ outcome, reaction }) =>
    outcome.n === reader ? pageOf(reader, reaction, outputIn(outcome), before?.next) : [],
  )[0];
  const ended = allEnded.filter(({ outcome }) => outcome.n !== reader);
  const counted = count(actor, ended, page);
  const underWay = actor.activities.size + actor.children.size - ended.length - (reader === undefined ? 0 : 1);
  const wanted = toBegin(plan, counted, underWay);
  const beginning = actor.machine.children.has(itemSource) ? Math.min(wanted, leftInRow(counted.begun, isInTurn)) : wanted;
  const progress: FanOutProgress = { ...counted, begun: counted.begun + beginning };
  const isFailing = isBreached(plan, progress);
  const isReading = reader !== undefined && page === undefined;
  const reads = !isFailing && isToRead(plan.concurrency, progress, isReading) ? progress.source : null;
  const unread = reads === null ? undefined : problemOfReading(reads, progress);
  if (unread !== undefined) return failing(unread, { ...counted, source: before }, (draft) => takeAll(draft, actor, told));
  const change: Change = (draft) => {
    takeAll(draft, actor, told);
    if (page?.kind === 'page') keepPage(draft, page, counted.total - page.inputs.length + 1);
    beginItems(draft, counted.begun + 1, beginning);
    if (reads !== null) readPage(draft, reads);
    if (beginning < wanted) armNext(draft);
  };
  if (page?.kind === 'failed') return failing(page.error, counted, (draft) => takeAll(draft, actor, told));
  const refusal = refusalOf(actor, plan, progress.total);
  if (refusal !== undefined) return failing(refusal, counted, (draft) => takeAll(draft, actor, told));
  const isOver = underWay + wanted === 0 && (progress.source === null || isFailing);
  if (isOver || (isFailing && plan.onBreach === 'cancel')) return over(actor, ended, progress, change);
  if (allEnded.length + beginning > 0 || reads !== null) return { kind: 'deliver', event: progressEvent(progress), change };
  return withoutChart(told, change);
}

function failing(error: unknown, progress: FanOutProgress, change: Change): Reaction {
  return { kind: 'fail', error, last: progressEvent(progress), change };
}

/** Nothing of it is for the chart: none of them ended, or the fan-out has. */
function withoutChart(told: readonly Told[], change: Change): Reaction {
  const kinds = told.map(({ reaction }) => reaction.kind);
  if (kinds.includes('note')) return { kind: 'note', change };
  return kinds.includes('late') ? { kind: 'late', change } : { kind: 'ignore' };
}

function progressEvent(progress: FanOutProgress): FanOutEvent {
  return { type: 'fan-out.progress', progress };
}

function count(actor: Actor, ended: readonly Ended[], page: PageRead | undefined): FanOutProgress {
  const { total, begun, succeeded, failed, firstFailed, source } = contextOf(actor.chart.snapshot) as FanOutContext;
  const failures = ended.filter(({ reaction }) => isFailure(reaction));
  const [first] = failures;
  return {
    total: page?.kind === 'page' ? total + page.inputs.length : total,
    begun,
    source: sourceAfter(source, page),
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
  const plan = planOf(actor);
  const fail = (error: Error): Reaction => failing(error, progress, change);
  if (isBreached(plan, progress)) return fail(fanOutFailed(progress, progress.firstFailed as FailedItem));
  const results = plan.results === 'inline' ? resultsOf(actor, ended) : [];
  const { total, succeeded, failed, firstFailed } = progress;
  const address = formatAddress(actor.record.address);
  try {
    // As its chart will keep them.
    checkSize(
      { ...progress, source: null, firstFailed: firstFailed && { ...firstFailed }, output: { total, succeeded, failed, results, address } },
      'context',
    );
  } catch {
    return fail(fanOutTooLarge(`The outputs of ${succeeded} items are too large for results inline.`));
  }
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

/** Undefined of a failure. */
function outputIn(outcome: ItemOutcome): Json | undefined {
  return (outcome as { readonly output?: Json }).output;
}

/** What every fan-out has from its first step on. */
function rowsOf({ fanOut }: { readonly fanOut: FanOutRows | undefined }): FanOutRows {
  return fanOut as FanOutRows;
}

function takeAll(draft: Draft, actor: Actor, told: readonly Told[]): void {
  for (const each of told) take(draft, actor, each);
}

/** What becomes of what is told of one item. */
function take(draft: Draft, actor: Actor, { outcome, reaction }: Told): void {
  if (reaction.kind !== 'deliver') {
    if (reaction.kind === 'note' || reaction.kind === 'late') reaction.change?.(draft);
    return;
  }
  const { n } = outcome;
  reaction.change(draft);
  if (n === readerOf(actor)) return;
  if (actor.children.has(n)) forgetChild(draft, n);
  keep(draft, isFailure(reaction) ? failedRecord(draft, actor, n) : completedRecord(actor, outcome));
}

function completedRecord(actor: Actor, outcome: ItemOutcome): ItemRecord {
  return { n: itemOf(actor, outcome.n), status: 'completed', child: outcome.n, output: outputIn(outcome) as Json };
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
  const rows = rowsOf(draft);
  if (rows.isInline !== true) return;
  draft.fanOut = { ...rows, ended: [...rows.ended, item] };
}

/** As it is declared now, but for what its rows were kept for. */
function planOf({ machine: { fanOut }, fanOut: rows }: Pick<Actor, 'machine' | 'fanOut'>): FanOutPlan {
  const { plan } = fanOut as { readonly plan: FanOutPlan }; // only of those is this asked
  return { ...plan, results: rows?.isInline === true ? 'inline' : 'paged' };
}
