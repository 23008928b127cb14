/**
 * What the world saw of a workload, written by its activities and its client, not by the runtime. One line of JSON each, appended
 * in one system call: what a killed process appended is there, whole.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

export type LedgerEntry =
  /** the runtime is open */
  | { readonly kind: 'opened' }
  /** an activity was called: the effect itself */
  | { readonly kind: 'called'; readonly id: string; readonly step: string; readonly key: string; readonly attempt: number }
  /** an undo was called */
  | {
      readonly kind: 'undoing';
      readonly id: string;
      readonly step: string;
      readonly key: string;
      readonly attempt: number;
      readonly outcome: 'completed' | 'unknown';
    }
  /** the signal of an attempt fired */
  | { readonly kind: 'aborted'; readonly key: string; readonly attempt: number; readonly reason: string }
  /** the client was told: started */
  | { readonly kind: 'started'; readonly id: string }
  /** the client was told what became of a message */
  | { readonly kind: 'sent'; readonly id: string; readonly messageId: string; readonly sequence: number; readonly outcome: string }
  /** the client was told how it ended */
  | { readonly kind: 'closed'; readonly id: string; readonly status: string }
  /** a message of the outbox was taken */
  | { readonly kind: 'announced'; readonly id: string; readonly messageId: string }
  /** opening the store was refused */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** the runtime was asked to close */
  | { readonly kind: 'closing' }
  /** the runtime is closed */
  | { readonly kind: 'over' };

export type EntryOf<Kind extends LedgerEntry['kind']> = Extract<LedgerEntry, { readonly kind: Kind }>;

export interface OutsideLedger {
  append(entry: LedgerEntry): void;
}

/** @param tell hears of every entry after it was written */
export function openLedger(path: string, tell: (entry: LedgerEntry) => void = () => undefined): OutsideLedger {
  return {
    append(entry) {
      appendFileSync(path, `${JSON.stringify(entry)}\n`);
      tell(entry);
    },
  };
}

export function readLedger(path: string): LedgerEntry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LedgerEntry);
}

export function entriesOf<Kind extends LedgerEntry['kind']>(ledger: readonly LedgerEntry[], kind: Kind): EntryOf<Kind>[] {
  return ledger.filter((entry): entry is EntryOf<Kind> => entry.kind === kind);
}
