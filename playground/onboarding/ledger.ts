/**
 * The outside ledger: what the world saw, written by the simulated providers and the client, not by the runtime. One line of JSON
 * each, appended in one system call, so that a killed process leaves whole lines (or a torn last one, which is left out).
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

export type LedgerEntry =
  /** a provider was called: the effect itself */
  | { readonly kind: 'call'; readonly key: string; readonly attempt: number; readonly merchant: string; readonly activity: string }
  /** the client was told that a merchant's onboarding was started */
  | { readonly kind: 'started'; readonly merchant: string }
  /** the client was told how it ended */
  | { readonly kind: 'closed'; readonly merchant: string; readonly status: string };

export interface Ledger {
  append(entry: LedgerEntry): void;
  close(): void;
}

export function openLedger(path: string): Ledger {
  const file = openSync(path, 'a+', 0o600);
  // What is appended to a line that was torn would be torn with it.
  if (!endsWithLine(file)) writeSync(file, '\n');
  return {
    append: (entry) => void writeSync(file, `${JSON.stringify(entry)}\n`),
    close: () => closeSync(file),
  };
}

function endsWithLine(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  return size === 0 || (readSync(file, last, 0, 1, size - 1) === 1 && last.toString() === '\n');
}

/** All whole lines, in the order they were written. */
export async function readLedger(path: string): Promise<LedgerEntry[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as LedgerEntry];
    } catch {
      // A line torn by a kill, and the empty one at the end.
      return [];
    }
  });
}
