/**
 * The owner of a ledger: what it tells the unwindings that ask it. The ledger says what there is to undo; an unwinding
 * (`unwinding.ts`) is told one entry after the other and says what became of it.
 *
 * Invariants
 * 1. One entry at a time is `running`, of a fan-out as many as items may run at once, and only while no outcome is awaited: the latest
 *    of those that are open then. So undos run newest completion first, and one that completes meanwhile is the next.
 * 2. Whoever asked waits in `askers` until there is an answer; the first that asked is answered first. Of a fan-out it waits there until
 *    all is over.
 * 3. An entry is `undone` or `deferred` with the commit in which its owner hears of it, and is given to nobody again.
 * 4. Its owner may have ended: a ledger outlives the chart.
 */
import type { Actor } from './actor.ts';
import { childAddress } from './address.ts';
import type { Draft } from './draft.ts';
import { compensationStarted } from './engine-errors.ts';
import type { ActorEnvelope, UndoEnvelope } from './envelope.ts';
import { failedOutcome } from './failure.ts';
import { errorOf, markUnknown } from './ledger-entries.ts';
import type { CompensationCounts, LedgerRecord } from './ledger-record.ts';
import { isOpen, owedPlaces } from './ledger-record.ts';
import type { FailureRecord } from './failure-record.ts';
import { limits } from './limits.ts';
import { putQueueItem, removeQueueItem } from './queue-record.ts';
import { owedItem } from './owed-item.ts';
import type { Reaction } from './reaction.ts';
import type { FanOutRows } from './item-record.ts';
import type { ActivityRecord, ChildRecord } from './record.ts';
import type { Settled } from './resting-undos.ts';
import { allResting, isToUndo, latestFirst, wakeLatest } from './resting-undos.ts';
import type { RegisteredMachine } from './registered-machine.ts';

type OwnerEnvelope = Extract<UndoEnvelope, { readonly kind: 'undo-next' | 'undo-ended' | 'compensation-counted' }>;
type Path = readonly number[];

/** What an envelope of an unwinding means to the owner of the ledger. */
export function ledgerReaction(envelope: OwnerEnvelope): Reaction {
  switch (envelope.kind) {
    case 'undo-next':
      return { kind: 'note', change: (draft) => undoNext(draft, envelope) };
    case 'undo-ended':
      return { kind: 'note', change: (draft) => undoEnded(draft, envelope) };
    case 'compensation-counted':
      return { kind: 'note', change: (draft) => countCompensation(draft, envelope.change) };
  }
}

function undoNext(draft: Draft, { from, only, isImpatient }: Extract<OwnerEnvelope, { kind: 'undo-next' }>): void {
  const wanted = only === undefined ? undefined : draft.ledger.now.get(only);
  if (wanted !== undefined) {
    tell(draft, from, { kind: 'undo-entry', entry: wanted });
    return;
  }
  if (isImpatient === true) waitNoLonger(draft);
  ask(draft, from);
}

function undoEnded(draft: Draft, { entry: n, from, failure, isLast, isForOthers }: Extract<OwnerEnvelope, { kind: 'undo-ended' }>): void {
  const entry = draft.ledger.now.get(n) as LedgerRecord; // who says this was given it, and nobody else has it meanwhile
  if (failure === undefined) markUndone(draft, entry);
  else tellCounts(draft, { owed: deferAll(draft, isForOthers === true ? [entry, ...latest(draft)] : [entry], failure) });
  if (isLast === true) tell(draft, from, { kind: 'undo-over' });
  else ask(draft, from);
}

/** Nothing of it waits for a person any more, but for what came to light while it was undone. */
function markUndone(draft: Draft, entry: LedgerRecord): void {
  const { failure: _failure, deferredAtMs: _deferredAtMs, isOrphan: _isOrphan, orphanAtMs: _orphanAtMs, ...rest } = entry;
  const isStillOrphan = entry.undo === 'running' && entry.orphanAtMs !== undefined;
  const orphan = isStillOrphan ? { isOrphan: true as const, orphanAtMs: entry.orphanAtMs } : {};
  draft.ledger.set(entry.n, { ...rest, ...orphan, undo: 'undone', undoEndedAtMs: draft.context.nowMs });
  const settled = isStillOrphan ? [] : owedPlaces(draft.address, entry);
  for (const place of settled) removeQueueItem(draft, place);
  // A child's own undos were counted one by one.
  if (entry.kind === 'child') return;
  if (draft.fanOut !== undefined && settled.length === 0) countUndone(draft, draft.fanOut);
  else tellCounts(draft, { owed: -settled.length, undone: 1 });
}

/** The root hears of many at once, so that its journal does not grow with the items of a fan-out. */
function countUndone(draft: Draft, { untold = 0, ...rows }: FanOutRows): void {
  draft.fanOut = { ...rows, untold: untold + 1 };
  tellUndone(draft, limits.itemsPerStepMax);
}

/** @param least how many are worth it */
function tellUndone(draft: Draft, least: number): void {
  if (draft.fanOut === undefined) return;
  const { untold = 0, ...rows } = draft.fanOut;
  if (untold === 0 || untold < least) return;
  draft.fanOut = rows;
  tellCounts(draft, { undone: untold });
}

/** Those that would be the next, as many as are worth a step. */
function latest(draft: Draft): LedgerRecord[] {
  const all = [...draft.ledger.now.values()].filter(isToUndo).sort(latestFirst).slice(0, limits.itemsPerStepMax);
  for (let next = nextAtRest(draft, all.length); next !== undefined; next = nextAtRest(draft, all.length)) all.push(next as Settled);
  return all;
}

function nextAtRest(draft: Draft, found: number): LedgerRecord | undefined {
  return found < limits.itemsPerStepMax ? wakeLatest(draft) : undefined;
}

/** @returns how many are owed that were not before */
function deferAll(draft: Draft, entries: readonly LedgerRecord[], failure: FailureRecord): number {
  for (const entry of entries) defer(draft, entry, failure);
  return entries.filter(isNewlyOwed).length;
}

/** A child's own undos are counted one by one. */
function isNewlyOwed({ undo, kind }: LedgerRecord): boolean {
  return undo !== 'retrying' && kind !== 'child';
}

/** One that is deferred again waits as long as it did. */
function defer(draft: Draft, entry: LedgerRecord, failure: FailureRecord): void {
  const { nowMs } = draft.context;
  const isNew = isNewlyOwed(entry);
  const deferred: LedgerRecord = { ...entry, undo: 'deferred', failure, undoEndedAtMs: nowMs, ...(isNew ? { deferredAtMs: nowMs } : {}) };
  draft.ledger.set(entry.n, deferred);
  for (const place of owedPlaces(draft.address, deferred)) putQueueItem(draft, owedItem(draft, place, deferred));
}

function ask(draft: Draft, from: Path): void {
  abortInFlight(draft);
  if (!draft.askers.some((asker) => isSame(asker, from))) draft.askers = [...draft.askers, from];
}

/** Answers who waits, if there is an answer by now. */
export function answerAskers(draft: Draft): void {
  const entries = [...draft.ledger.now.values()];
  const running = entries.filter(({ undo }) => undo === 'running').length;
  const free = undosAtOnce(draft) - running;
  if (free <= 0 || isUnsettled(draft)) return;
  const awake = entries.filter(isToUndo).sort(latestFirst);
  for (let begun = 0; begun < free && draft.askers.length > 0; begun += 1) {
    // What rests is older.
    const next = awake[begun] ?? wakeLatest(draft);
    if (next !== undefined) begin(draft, next);
    else {
      if (running + begun === 0) sayOver(draft);
      return;
    }
  }
}

function undosAtOnce({ machine: { fanOut } }: Draft): number {
  return fanOut?.plan.concurrency ?? 1;
}

function begin(draft: Draft, next: LedgerRecord): void {
  const [first = [], ...others] = draft.askers;
  const running: LedgerRecord = { ...next, undo: 'running' };
  draft.ledger.set(next.n, running);
  draft.askers = draft.fanOut === undefined ? others : [...others, first];
  tell(draft, first, { kind: 'undo-entry', entry: running });
}

function sayOver(draft: Draft): void {
  tellUndone(draft, 0);
  for (const asker of draft.askers) tell(draft, asker, { kind: 'undo-over' });
  draft.askers = [];
}

/** Whether something may yet come to an outcome that changes what is to be undone, or in which order. */
function isUnsettled(draft: Draft): boolean {
  for (const { n, outcome } of draft.ledger.now.values()) {
    if (outcome === 'leaving') return true;
    const attempt = outcome === 'pending' ? draft.activities.now.get(n)?.attempt : undefined;
    if (attempt !== undefined && attempt > 0) return true;
  }
  return [...draft.children.now.values()].some((child) => isStopped(draft, child));
}

/** A child that was stopped undoes what it did itself, or leaves it to this ledger: that is awaited, unless it is on its own. */
function isStopped({ machine }: Draft, { isDetached, isActor, isEnded, src }: ChildRecord): boolean {
  if (isDetached !== true || isActor !== true || isEnded === true) return false;
  const child = machine.children.get(src);
  if (child?.kind !== 'actor' || child.machine.isUnwinding === true) return false;
  return child.parentClosePolicy !== 'abandon' && mayHaveUndos(child.machine);
}

/** What the chart still waits for is to come to an end: what runs is aborted, what would be tried again is not. */
function abortInFlight(draft: Draft): void {
  for (const activity of undoablePending(draft)) {
    // Aborted at each question: harmless for what is aborted already.
    if (activity.state === 'running' && activity.isHandedOver !== true) {
      draft.effects.push({ kind: 'abort-attempt', n: activity.n, reason: 'compensation' });
    } else failForGood(draft, activity);
  }
}

/** What did not come to an end by now is of unknown outcome. */
function waitNoLonger(draft: Draft): void {
  for (const activity of undoablePending(draft)) failForGood(draft, activity);
  for (const { n, outcome } of draft.ledger.now.values()) if (outcome === 'leaving') markUnknown(draft, n, undefined);
  for (const child of draft.children.now.values()) {
    if (!isStopped(draft, child)) continue;
    const to = childAddress(draft.address, child.n).path;
    tell(draft, to, { kind: 'terminate', reason: 'It did not come to an end in time, and what it did has to be undone.' });
  }
}

function undoablePending(draft: Draft): readonly ActivityRecord[] {
  return [...draft.activities.now.values()].filter(({ n, attempt, state }) => {
    // The outcome of what is settled waits in the mailbox.
    return attempt > 0 && state !== 'settled' && draft.ledger.now.get(n)?.outcome === 'pending';
  });
}

/** Its chart hears of it as of any failure, in a step of its own. */
function failForGood(draft: Draft, { n, lastFailure }: ActivityRecord): void {
  const own = failedOutcome(compensationStarted());
  const outcome = lastFailure === undefined ? own : { failure: lastFailure, error: errorOf(lastFailure) };
  tell(draft, draft.address.path, { kind: 'activity-failed', n, ...outcome, note: 'Compensation began.' });
}

function tell(draft: Draft, to: Path, envelope: ActorEnvelope): void {
  draft.messages.push({ to, envelope });
}

function isSame(left: Path, right: Path): boolean {
  return left.join() === right.join();
}

/** Counts what changed for the workflow as a whole, which its root keeps. */
export function tellCounts(draft: Draft, change: Partial<CompensationCounts>): void {
  if (Object.values(change).every((count) => count === 0)) return;
  if (draft.address.path.length === 0) countCompensation(draft, change);
  else tell(draft, [], { kind: 'compensation-counted', change });
}

function countCompensation(draft: Draft, change: Partial<CompensationCounts>): void {
  const { running = 0, undone = 0, owed = 0 } = draft.compensation ?? {};
  const after = {
    running: Math.max(0, running + (change.running ?? 0)),
    undone: undone + (change.undone ?? 0),
    owed: Math.max(0, owed + (change.owed ?? 0)),
  };
  draft.compensation = after.running + after.undone + after.owed === 0 ? undefined : after;
}

/** No code of users is run any more: what was not undone stays as it is. */
export function abandonUndos(draft: Draft): void {
  const undoEndedAtMs = draft.context.nowMs;
  for (const entry of allResting(draft.resting)) draft.ledger.set(entry.n, entry);
  draft.resting = undefined;
  for (const entry of [...draft.ledger.now.values()]) {
    if (entry.undo === 'retrying') draft.ledger.set(entry.n, { ...entry, undo: 'deferred' });
    else if (isOpen(entry)) draft.ledger.set(entry.n, { ...entry, undo: 'abandoned', undoEndedAtMs });
  }
  draft.askers = [];
  draft.ending = undefined;
  if (draft.compensation !== undefined) countCompensation(draft, { running: -draft.compensation.running });
}

/** Whether what runs may leave something that can be undone. */
export function mayHaveUndos(machine: RegisteredMachine, seen: Set<RegisteredMachine> = new Set()): boolean {
  if (seen.has(machine)) return false;
  seen.add(machine);
  for (const { descriptor } of machine.activities.values()) if (descriptor.undo !== undefined) return true;
  for (const child of machine.children.values()) {
    if (child.kind === 'actor' && child.machine.isUnwinding !== true && mayHaveUndos(child.machine, seen)) return true;
  }
  return false;
}

/** Whether this child of an actor unwinds the actor's own ledger; those of an unwinding unwind the ledgers of others. */
export function isUnwinder(machine: RegisteredMachine, { src, isActor }: Pick<ChildRecord, 'src' | 'isActor'>): boolean {
  if (isActor !== true || machine.isUnwinding === true) return false;
  const registered = machine.children.get(src);
  return registered?.kind === 'actor' && registered.machine.isUnwinding === true;
}

/** Whether an attempt of this activity is the last: its actor is being unwound. */
export function isBeingUnwound({ record, ledger }: Actor, { n }: ActivityRecord): boolean {
  return record.askers !== undefined && ledger.has(n);
}
