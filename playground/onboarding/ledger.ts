/**
 * The outside ledger: what the world saw, written by the simulated providers and the client, not by the runtime. One line of JSON
 * each, appended in one system call, so that a killed process leaves whole lines (or a torn last one, which is left out).
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { SendResult } from 'perdure';
import type { MerchantEvent } from 'perdure/machines/merchant-onboarding';

export type LedgerEntry =
  | ProviderCall
  /** a provider was asked to undo what the call with this key, but for its `:undo`, did */
  | UndoCall
  /** it has, and says so */
  | { readonly kind: 'undone'; readonly key: string; readonly merchant: string; readonly activity: string }
  /** the client was told that a merchant's onboarding was started */
  | { readonly kind: 'started'; readonly merchant: string }
  /** somebody is about to send a signal */
  | Sending
  /** who sent it was told what became of it; `closed`: it came too late */
  | { readonly kind: 'sent'; readonly merchant: string; readonly messageId: string; readonly outcome: SendResult['outcome'] | 'closed' }
  /** the client was told how it ended */
  | { readonly kind: 'closed'; readonly merchant: string; readonly status: string };

export interface Sending {
  readonly kind: 'sending';
  readonly merchant: string;
  readonly messageId: string;
  readonly event: MerchantEvent;
}

/** A provider was called: the effect itself. */
export interface ProviderCall {
  readonly kind: 'call';
  readonly key: string;
  readonly attempt: number;
  readonly merchant: string;
  readonly activity: string;
  /** Which one, where a merchant has several of it. */
  readonly widget?: string;
}

export interface UndoCall {
  readonly kind: 'undo';
  readonly key: string;
  readonly attempt: number;
  readonly merchant: string;
  readonly activity: string;
  /** Epoch milliseconds: an attempt number begins anew when a person has an undo retried, time does not. */
  readonly atMs: number;
}

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

/** What was sent and never answered, by merchant. */
export function unansweredIn(ledger: readonly LedgerEntry[]): Map<string, Sending[]> {
  const answered = new Set(ledger.flatMap((entry) => (entry.kind === 'sent' ? [keyOf(entry)] : [])));
  const unanswered = new Map<string, Map<string, Sending>>();
  for (const entry of ledger) {
    if (entry.kind !== 'sending' || answered.has(keyOf(entry))) continue;
    const known = unanswered.get(entry.merchant) ?? new Map<string, Sending>();
    unanswered.set(entry.merchant, known.set(entry.messageId, entry));
  }
  return new Map([...unanswered].map(([merchant, sendings]) => [merchant, [...sendings.values()]]));
}

function keyOf({ merchant, messageId }: { readonly merchant: string; readonly messageId: string }): string {
  return JSON.stringify([merchant, messageId]);
}
