/** What a workflow did that can be undone, for people. */
import type { FailureRecord } from './failure-record.ts';
import type { LedgerRecord } from './ledger-record.ts';
import { limits } from './limits.ts';
import type { StoredTree } from './ports.ts';
import type { ActorRecord } from './record.ts';
import { decodeValue } from './value-decoding.ts';

/**
 * How far undoing is: `none` (nothing was undone), `running`, `done`, or `deferred`: some undos failed for good and wait for a person.
 */
export type CompensationStatus = 'none' | 'running' | 'done' | 'deferred';

/** A step that can be undone, as its actor's ledger has it. */
export interface LedgerEntryDescription {
  /** Path of the actor whose step it was; empty for the root. */
  readonly path: readonly number[];
  /** Number of the activity or child. */
  readonly n: number;
  /** A child with a ledger of its own is one entry in that of its parent. */
  readonly kind: 'activity' | 'child';
  readonly name: string;
  /** `pending`: still awaited. `leaving`: not any more, but an attempt still runs. `unknown`: it may have taken effect. */
  readonly outcome: LedgerRecord['outcome'];
  /** What became of its undo; `registered` while nothing did. */
  readonly undo: 'registered' | NonNullable<LedgerRecord['undo']>;
  /** The undo's. Absent for a child. */
  readonly idempotencyKey?: string;
  readonly input?: unknown;
  readonly output?: unknown;
  /** Why the undo was deferred. */
  readonly failure?: FailureRecord;
  /** When the undo came to its end. Epoch milliseconds. */
  readonly undoEndedAtMs?: number;
  /** It completed after its undo had begun without knowing of that: it may have to be undone once more. */
  readonly isOrphan?: true;
}

export function compensationStatus({ compensation }: Pick<ActorRecord, 'compensation'>): CompensationStatus {
  if (compensation === undefined) return 'none';
  if (compensation.running > 0) return 'running';
  return compensation.owed > 0 ? 'deferred' : 'done';
}

/** The ledgers of a workflow, each in the order in which its steps began; of what there is most, which are items, not all. */
export function describeLedgers({ root, others }: StoredTree): readonly LedgerEntryDescription[] {
  const entries = [root, ...others].flatMap(({ record, ledger = [] }) => ledger.map((entry) => ({ path: record.address.path, entry })));
  return entries.slice(0, limits.ledgerShownMax).map(({ path, entry }) => describeEntry(path, entry));
}

function describeEntry(path: readonly number[], entry: LedgerRecord): LedgerEntryDescription {
  return {
    path,
    n: entry.n,
    kind: entry.kind ?? 'activity',
    name: entry.name,
    outcome: entry.outcome,
    undo: entry.undo ?? 'registered',
    ...(entry.idempotencyKey === undefined ? {} : { idempotencyKey: `${entry.idempotencyKey}:undo` }),
    ...(entry.input === undefined ? {} : { input: decodeValue(entry.input) }),
    ...(entry.output === undefined ? {} : { output: decodeValue(entry.output) }),
    ...(entry.failure === undefined ? {} : { failure: entry.failure }),
    ...(entry.undoEndedAtMs === undefined ? {} : { undoEndedAtMs: entry.undoEndedAtMs }),
    ...(entry.isOrphan === undefined ? {} : { isOrphan: entry.isOrphan }),
  };
}
