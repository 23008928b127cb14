/** Compares the outside ledger with what the store says, after a run: was anything lost, did anything run that should not have? */
import type { HistoryEntry, WorkflowDescription } from 'perdure';
import { hasErrorCode } from 'perdure';
import type { LedgerEntry } from './ledger.ts';

/** What the audit asks: answered by a runtime or by a reader. */
export interface Source {
  describe(id: string): Promise<WorkflowDescription>;
  history(id: string, options: { readonly from: number; readonly limit: number }): Promise<readonly HistoryEntry[]>;
}

export interface Audit {
  /** How each merchant stands, in the order asked; undefined where the store has none. */
  readonly merchants: readonly (WorkflowDescription | undefined)[];
  /** Calls made although the outcome of their activity was recorded, or made twice under one attempt number. */
  readonly reruns: readonly string[];
  /** Merchants whose start or end was acknowledged and is not there, or that did not close. */
  readonly lost: readonly string[];
}

const historyPage = 100;

type Call = Extract<LedgerEntry, { kind: 'call' }>;

export async function audit(source: Source, ids: readonly string[], ledger: readonly LedgerEntry[]): Promise<Audit> {
  const calls = callsByMerchant(ledger);
  const acknowledged = new Map(ledger.flatMap((entry) => (entry.kind === 'closed' ? [[entry.merchant, entry.status] as const] : [])));
  const merchants: (WorkflowDescription | undefined)[] = [];
  const reruns: string[] = [];
  const lost: string[] = [];
  for (const id of ids) {
    const description = await describe(source, id);
    merchants.push(description);
    const ended = acknowledged.get(id);
    const isClosed = description?.closedAtMs !== undefined;
    if (!isClosed || (ended !== undefined && ended !== description.status)) lost.push(id);
    if (description !== undefined) reruns.push(...wrongCalls(calls.get(id) ?? [], await recordedAttempts(source, id)));
  }
  const known = new Set(ids);
  for (const entry of ledger) {
    if (entry.kind === 'started' && !known.has(entry.merchant)) lost.push(...(await missing(source, entry.merchant)));
  }
  return { merchants, reruns, lost };
}

/** Attempt numbers grow over crashes, so a call with a later number than the recorded one, or with a number used twice, is wrong. */
function wrongCalls(calls: readonly Call[], recorded: ReadonlyMap<string, number>): string[] {
  const seen = new Set<string>();
  return calls.flatMap((call) => {
    const name = `${call.key} attempt ${call.attempt}`;
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated || call.attempt > (recorded.get(call.key) ?? Infinity) ? [name] : [];
  });
}

/** The attempt whose outcome was recorded, by idempotency key. */
async function recordedAttempts(source: Source, id: string): Promise<Map<string, number>> {
  const recorded = new Map<string, number>();
  for (let from = 1; ;) {
    const page = await source.history(id, { from, limit: historyPage });
    for (const { kind, outcome, activity } of page) {
      // What the chart heard of: an attempt that failed, timed out or was lost and is retried is only noted.
      const isOutcome = outcome === 'applied' && kind.startsWith('attempt-');
      if (isOutcome && activity?.attempt !== undefined) recorded.set(`${id}:1::${activity.n}`, activity.attempt);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < historyPage) return recorded;
    from = last.sequence + 1;
  }
}

function callsByMerchant(ledger: readonly LedgerEntry[]): Map<string, Call[]> {
  const calls = new Map<string, Call[]>();
  for (const entry of ledger) {
    if (entry.kind !== 'call') continue;
    const known = calls.get(entry.merchant);
    if (known === undefined) calls.set(entry.merchant, [entry]);
    else known.push(entry);
  }
  return calls;
}

async function missing(source: Source, id: string): Promise<string[]> {
  return (await describe(source, id)) === undefined ? [id] : [];
}

async function describe(source: Source, id: string): Promise<WorkflowDescription | undefined> {
  try {
    return await source.describe(id);
  } catch (error) {
    if (hasErrorCode(error, 'WORKFLOW_NOT_FOUND')) return undefined;
    throw error;
  }
}
