/**
 * Entries of a fan-out's ledger that only wait to be undone: as many as there were items, in memory as a list of which nobody looks at more
 * than the end, so that a step costs the same however long it is. On disk they are entries like any other.
 *
 * Invariants
 * 1. What rests came to its outcome, nothing of its undo has begun, and it came to it before everything open that does not rest.
 * 2. An entry rests or is in the ledger of the draft, never both.
 */
import type { LedgerRecord } from './ledger-record.ts';
import { isOpen } from './ledger-record.ts';
import { limits } from './limits.ts';
import type { RowChanges } from './row-changes.ts';

/** Immutable: the latest, and those before it. */
export interface RestingUndos {
  readonly latest: LedgerRecord;
  readonly before: RestingUndos | undefined;
  readonly size: number;
}

/** The part of a step that entries come from and go to. */
export interface RestDraft {
  readonly ledger: RowChanges<LedgerRecord>;
  readonly ledgerRemoved: number[];
  resting: RestingUndos | undefined;
  /** Entries that this step put, and that rest after it. */
  readonly ledgerRested: LedgerRecord[];
}

export function restingSize(resting: RestingUndos | undefined): number {
  return resting?.size ?? 0;
}

export type Settled = LedgerRecord & Required<Pick<LedgerRecord, 'settledAt'>>;

/** What is not pending is settled when this is asked. */
export function isToUndo(entry: LedgerRecord): entry is Settled {
  return isOpen(entry) && entry.undo === undefined && entry.outcome !== 'pending' && entry.outcome !== 'leaving';
}

/** Of what was settled in one step the one that began last. */
export function latestFirst(left: Settled, right: Settled): number {
  return right.settledAt - left.settledAt || right.n - left.n;
}

/** Divides a ledger as it is on disk. */
export function divideLedger(entries: readonly LedgerRecord[]): {
  readonly ledger: ReadonlyMap<number, LedgerRecord>;
  readonly resting: RestingUndos | undefined;
} {
  const ledger = new Map(entries.map((entry) => [entry.n, entry]));
  let resting: RestingUndos | undefined;
  for (const entry of oldestToRest(entries)) {
    ledger.delete(entry.n);
    resting = add(resting, entry);
  }
  return { ledger, resting };
}

/** Lets the oldest rest where too many do not, and forgets of what is over: the journal has it. */
export function rest(draft: RestDraft): void {
  if (draft.ledger.now.size <= limits.undosAwakeMax) return;
  for (const { n, undo, outcome, isOrphan } of [...draft.ledger.now.values()]) {
    // One of unknown outcome may yet be heard of, and one that was heard of late waits for a person.
    if (undo === 'undone' && outcome === 'completed' && isOrphan !== true) forget(draft, n);
    if (draft.ledger.now.size <= limits.undosAwakeMax / 2) return;
  }
  for (const entry of oldestToRest([...draft.ledger.now.values()])) {
    if (draft.ledger.delete(entry.n)) draft.ledgerRested.push(entry);
    draft.resting = add(draft.resting, entry);
  }
}

/** Put by this step or not, it may have a row from before. */
function forget(draft: RestDraft, n: number): void {
  draft.ledger.delete(n);
  draft.ledgerRemoved.push(n);
}

/** Takes the latest of those that rest. */
export function wakeLatest(draft: RestDraft): LedgerRecord | undefined {
  const { resting } = draft;
  draft.resting = resting?.before;
  return resting?.latest;
}

/** All that rest, the latest first. */
export function* allResting(resting: RestingUndos | undefined): Generator<LedgerRecord> {
  for (let each = resting; each !== undefined; each = each.before) yield each.latest;
}

/** Takes one out from among those that rest: something is heard of it after all. Seldom. */
export function wake(draft: RestDraft, n: number): void {
  const all = [...allResting(draft.resting)];
  const entry = all.find((each) => each.n === n);
  if (entry === undefined) return;
  draft.ledger.set(n, entry);
  draft.resting = undefined;
  for (const each of all.reverse()) if (each !== entry) draft.resting = add(draft.resting, each);
}

function oldestToRest(entries: readonly LedgerRecord[]): readonly Settled[] {
  const open = entries.filter(isToUndo);
  const kept = limits.undosAwakeMax / 2;
  return entries.length <= limits.undosAwakeMax || open.length <= kept ? [] : open.sort(latestFirst).slice(kept).reverse();
}

function add(before: RestingUndos | undefined, latest: LedgerRecord): RestingUndos {
  return { latest, before, size: restingSize(before) + 1 };
}
