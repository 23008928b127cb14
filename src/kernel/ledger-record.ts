import type { Address } from './address.ts';
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';
import type { QueuePlace } from './queue-record.ts';

/**
 * What an actor has done that can be undone: an activity with an undo, or a child with a ledger of its own, which is one entry here.
 * Registered before the first attempt of the activity begins, in the commit that schedules it.
 */
export interface LedgerRecord {
  /** That of the activity or of the child. */
  readonly n: number;
  readonly kind?: 'child';
  /** The name of the logic in the machine, by which its undo is found. */
  readonly src: string;
  /** What people and `compensation` call it. */
  readonly name: string;
  /**
   * - `pending`: the activity is still awaited by its chart
   * - `leaving`: it is not, but an attempt of it runs, and may yet come to something
   * - `completed`
   * - `unknown`: an attempt began, and nothing says whether it took effect
   */
  readonly outcome: 'pending' | 'leaving' | 'completed' | 'unknown';
  readonly input?: Json;
  readonly output?: Json;
  /** Of an unknown outcome: the last error, if there was any. */
  readonly error?: Json;
  /** The activity's; the undo has it with `:undo` behind it. Absent for a child. */
  readonly idempotencyKey?: string;
  /** The attempt that runs while it is leaving. */
  readonly attempt?: number;
  /** The sequence of the actor's commit that told its outcome: undos go by it, the latest first. */
  readonly settledAt?: number;
  /**
   * What became of its undo; absent while nothing did.
   *
   * - `running`: an unwinding has it; `retrying`: again, since a person wanted it so
   * - `undone`
   * - `deferred`: it failed for good and waits for a person, who may retry it, or say that it is `settled` or `written-off`
   * - `abandoned`: the workflow was terminated
   */
  readonly undo?: 'running' | 'retrying' | 'undone' | 'deferred' | 'settled' | 'written-off' | 'abandoned';
  /** Why it was deferred. */
  readonly failure?: FailureRecord;
  /** When the undo came to what it is, in epoch milliseconds. */
  readonly undoEndedAtMs?: number;
  /** With what a person wanted it to be retried instead of the activity's input. */
  readonly editedInput?: Json;
  /** Since when it waits for a person, in epoch milliseconds: while it is deferred, and retried after that. */
  readonly deferredAtMs?: number;
  /** Its outcome came after its undo had begun without it: it may have taken effect again. That waits for a person, too. */
  readonly isOrphan?: true;
  readonly orphanAtMs?: number;
}

/** What is kept in the root's record of the unwinding in its workflow. */
export interface CompensationCounts {
  /** Unwindings that are under way. */
  readonly running: number;
  /** Undos that ran, or that a person said is settled. */
  readonly undone: number;
  /** Undos that wait for a person. */
  readonly owed: number;
}

interface OwedAs {
  readonly n: number;
  readonly deferredAtMs?: number | undefined;
  readonly orphanAtMs?: number | undefined;
}

/** Its items in the queue. */
export function owedPlaces(address: Address, { n, deferredAtMs, orphanAtMs }: OwedAs): readonly QueuePlace[] {
  const deferred: QueuePlace[] = deferredAtMs === undefined ? [] : [{ kind: 'deferred', cause: 'undo', address, n, atMs: deferredAtMs }];
  const orphan: QueuePlace[] =
    orphanAtMs === undefined ? [] : [{ kind: 'dead-letter', cause: 'orphan-effect', address, n, atMs: orphanAtMs }];
  return [...deferred, ...orphan];
}

/** Whether something is still to be undone. */
export function isOpen({ undo }: LedgerRecord): boolean {
  return undo === undefined || undo === 'running';
}

/** Whether anything in a ledger is still to be undone. */
export function hasOpen(ledger: ReadonlyMap<number, LedgerRecord>): boolean {
  for (const entry of ledger.values()) if (isOpen(entry)) return true;
  return false;
}
