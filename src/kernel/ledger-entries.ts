/**
 * What becomes of the entries of a ledger as activities and children come to their ends.
 *
 * Invariants
 * 1. An entry is there from the commit that schedules the activity on, and goes if no attempt of it ever began. Of what is over the oldest
 *    go when there is no room left.
 * 2. An outcome is told once; only a late one that says more takes the place of one that is unknown, while its undo has not begun.
 */
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';
import { limits } from './limits.ts';
import type { ActivityRecord, ChildRecord } from './record.ts';
import type { RestDraft } from './resting-undos.ts';

/** The part of a step that is put together of the ledger. */
export interface LedgerDraft extends RestDraft {
  /** That of the commit. */
  readonly sequence: number;
}

export function registerActivity(draft: LedgerDraft, { n, src, name, input, idempotencyKey }: ActivityRecord): void {
  makeRoom(draft);
  // Those of a fan-out are as many as its items may be.
  if (draft.resting === undefined && draft.ledger.now.size >= limits.ledgerMax) {
    const message = `An actor can have at most ${limits.ledgerMax} steps that can still be undone. Let children do what is repeated: each is one step of its parent.`;
    throw new PerdureError('LIMIT_EXCEEDED', message, { limit: 'steps with an undo', max: limits.ledgerMax });
  }
  draft.ledger.set(n, { n, src, name, outcome: 'pending', input, idempotencyKey });
}

/** A child that ended and left something that can be undone. That happened, and is not refused: children are bounded themselves. */
export function registerChild(draft: LedgerDraft, { n, src }: Pick<ChildRecord, 'n' | 'src'>): void {
  makeRoom(draft);
  draft.ledger.set(n, { n, kind: 'child', src, name: src, outcome: 'completed', settledAt: draft.sequence });
}

/** What is over gives way to what is not: the journal has it. */
function makeRoom(draft: LedgerDraft): void {
  if (draft.ledger.now.size < limits.ledgerMax) return;
  for (const { n, undo, isOrphan } of [...draft.ledger.now.values()]) {
    const isOver = undo === 'undone' || undo === 'settled' || undo === 'written-off';
    if (isOver && isOrphan !== true) removeEntry(draft, n);
    if (draft.ledger.now.size < limits.ledgerMax - limits.ledgerRoom) return;
  }
}

export function completeEntry(draft: LedgerDraft, n: number, output: Json): void {
  const entry = draft.ledger.now.get(n);
  if (entry === undefined) return;
  const { attempt: _attempt, error: _error, ...known } = entry;
  draft.ledger.set(n, { ...known, outcome: 'completed', output, settledAt: draft.sequence });
}

/** An activity that failed for good may have taken effect all the same, unless its code was never entered. */
export function failEntry(draft: LedgerDraft, { n, attempt }: ActivityRecord, error: Json): void {
  if (attempt > 0) markUnknown(draft, n, error);
  else removeEntry(draft, n);
}

/** The chart does not wait for it any more. */
export function leaveEntry(draft: LedgerDraft, activity: ActivityRecord): void {
  const { n, attempt, state, isHandedOver, lastFailure } = activity;
  const entry = draft.ledger.now.get(n);
  if (entry === undefined) return;
  if (attempt === 0) removeEntry(draft, n);
  // What was handed over may take for ever: nobody waits for it.
  else if ((state === 'running' && isHandedOver !== true) || state === 'settled') {
    draft.ledger.set(n, { ...entry, outcome: 'leaving', attempt });
  } else markUnknown(draft, n, lastFailure === undefined ? undefined : errorOf(lastFailure));
}

export function markUnknown(draft: LedgerDraft, n: number, error: Json | undefined): void {
  const entry = draft.ledger.now.get(n);
  if (entry === undefined) return;
  // An earlier attempt took effect.
  if (entry.output !== undefined) {
    completeEntry(draft, n, entry.output);
    return;
  }
  const { attempt: _, ...known } = entry;
  const told = error === undefined ? {} : { error };
  draft.ledger.set(n, { ...known, outcome: 'unknown', settledAt: draft.sequence, ...told });
}

/** Its code was never entered. */
export function removeEntry(draft: LedgerDraft, n: number): void {
  if (!draft.ledger.now.has(n)) return;
  if (!draft.ledger.delete(n)) draft.ledgerRemoved.push(n);
}

/** An error as a chart would see it, of what is kept of it. */
export function errorOf({ class: name, message, stack = '' }: FailureRecord): Json {
  return { $type: 'Error', name, message, stack };
}
