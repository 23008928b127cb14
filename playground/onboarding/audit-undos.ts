/** The part of the audit that is about undoing: what the world was asked to do and to undo, against what the store says of it. */
import type { WorkflowDescription } from 'perdure';
import type { LedgerEntry } from './ledger.ts';
import { undoOf } from './providers.ts';

type Done = Extract<LedgerEntry, { kind: 'call' | 'undo' | 'undone' }>;

/** What was found about the undos of one merchant. */
export interface UndoFindings {
  /** Undos that are recorded as done. */
  readonly undone: number;
  /** Undos that wait for a person. */
  readonly owed: number;
  /** Undos that were run again after they were recorded, or twice under one attempt number. */
  readonly reruns: readonly string[];
  /** Undos that are recorded as done although no provider says so. */
  readonly lost: readonly string[];
  /** What stands although the onboarding came to nothing, and is owed by nobody; and what was undone although it came to an end. */
  readonly halfMade: readonly string[];
}

export function auditUndos({ status, ledger, queue, closedAtMs }: WorkflowDescription, seen: readonly Done[]): UndoFindings {
  const entries = new Map(ledger.map((entry) => [entry.idempotencyKey, entry]));
  const answered = new Set(seen.flatMap((entry) => (entry.kind === 'undone' ? [entry.key] : [])));
  const called = new Set(
    seen.flatMap((entry) => (entry.kind === 'call' && undoOf(entry.activity) !== undefined ? [`${entry.key}:undo`] : [])),
  );
  const waiting = new Set(queue.flatMap(({ cause, path, name }) => (cause === 'undo' ? [placeOf({ path, name })] : [])));
  const isOwed = (key: string): boolean => {
    const entry = entries.get(key);
    return entry?.undo === 'deferred' && waiting.has(placeOf(entry));
  };
  const isSettled = (key: string): boolean => ['settled', 'written-off'].includes(entries.get(key)?.undo ?? '');
  const undone = ledger
    .filter(({ undo, kind }) => undo === 'undone' && kind === 'activity')
    .flatMap(({ idempotencyKey }) => idempotencyKey ?? []);
  const isLive = status === 'completed';
  const standing = [...called].filter((key) => !answered.has(key) && !isOwed(key) && !isSettled(key));
  return {
    undone: undone.length,
    owed: [...entries.keys()].filter((key) => key !== undefined && isOwed(key)).length,
    reruns: rerunsIn(
      seen,
      new Map(ledger.map(({ idempotencyKey, undo, undoEndedAtMs }) => [idempotencyKey, undo === 'undone' ? undoEndedAtMs : undefined])),
    ),
    lost: undone.filter((key) => !answered.has(key)).map((key) => `${key} is recorded and nobody did it`),
    halfMade: isLive
      ? [...answered].map((key) => `${key} although the onboarding came to its end`)
      : closedAtMs === undefined
        ? []
        : standing.map((key) => `${key.slice(0, -':undo'.length)} stands, and is owed by nobody`),
  };
}

/** An onboarding does each of its steps once, so a name says which it is. */
function placeOf({ path, name = '' }: { readonly path: readonly number[]; readonly name?: string | undefined }): string {
  return `${path.join('.')} ${name}`;
}

function rerunsIn(seen: readonly Done[], recordedAtMs: ReadonlyMap<string | undefined, number | undefined>): string[] {
  const attempts = new Set<string>();
  return seen.flatMap((entry) => {
    if (entry.kind !== 'undo') return [];
    const name = `${entry.key} attempt ${entry.attempt}`;
    const isRepeated = attempts.has(name);
    attempts.add(name);
    return isRepeated || entry.atMs > (recordedAtMs.get(entry.key) ?? Infinity) ? [name] : [];
  });
}
