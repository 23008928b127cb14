/** Compares the outside ledger with what the store says, after a run: was anything lost, did anything run that should not have? */
import type { HistoryEntry, ItemResults, WorkflowDescription } from 'perdure';
import { hasErrorCode } from 'perdure';
import type { Announcements } from './announcements.ts';
import { auditAnnouncements } from './audit-announcements.ts';
import { auditUndos } from './audit-undos.ts';
import { auditWidgets } from './audit-widgets.ts';
import type { LedgerEntry } from './ledger.ts';

/** What the audit asks: answered by a runtime or by a reader. */
export interface Source {
  describe(id: string): Promise<WorkflowDescription>;
  history(id: string, options: { readonly from: number; readonly limit: number }): Promise<readonly HistoryEntry[]>;
  results(address: string, options: { readonly limit: number }): Promise<ItemResults>;
}

export interface Audit {
  /** How each merchant stands, in the order asked; undefined where the store has none. */
  readonly merchants: readonly (WorkflowDescription | undefined)[];
  /** Calls made although the outcome of their activity was recorded, or made twice under one attempt number, undos likewise; signals applied twice; announcements told twice. */
  readonly reruns: readonly string[];
  /** Merchants whose start or end was acknowledged and is not there, or that did not close; signals acknowledged and not there; undos recorded that nobody did; announcements that nobody was told. */
  readonly lost: readonly string[];
  /** Undos that are recorded as done. */
  readonly undone: number;
  /** Undos that wait for a person. */
  readonly owed: number;
  /** What stands of onboardings that came to nothing, and is owed by nobody, or is still announced; what was undone of those that came to their end. */
  readonly halfMade: readonly string[];
  /** Events that others were told. */
  readonly announced: number;
}

const historyPage = 100;

type Done = Extract<LedgerEntry, { kind: 'call' | 'undo' | 'undone' }>;

/** What a workflow's history holds of what the world saw. */
interface Recorded {
  /** The attempt whose outcome was recorded, by idempotency key. */
  readonly attempts: ReadonlyMap<string, number>;
  /** How often a signal was taken, by the type of its event. */
  readonly signals: ReadonlyMap<string, number>;
}

export async function audit(
  source: Source,
  ids: readonly string[],
  ledger: readonly LedgerEntry[],
  announcements: Announcements = new Map(),
): Promise<Audit> {
  const calls = callsByMerchant(ledger);
  const halfMade: string[] = [];
  let [undone, owed] = [0, 0];
  const acknowledgedSignals = signalsByMerchant(ledger);
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
    if (description === undefined) continue;
    const { attempts, signals } = await recordedIn(source, id);
    const seen = calls.get(id) ?? [];
    reruns.push(...wrongCalls(seen, attempts));
    const undos = auditUndos(description, seen);
    const called = new Set(seen.flatMap((entry) => (entry.kind === 'call' ? [entry.activity] : [])));
    const told = announces(description) ? [auditAnnouncements(description, called, announcements.get(id))] : [];
    const widgets = auditWidgets(description, seen, await itemsIn(source, description));
    for (const found of [undos, ...told, widgets]) {
      reruns.push(...found.reruns);
      lost.push(...found.lost);
    }
    halfMade.push(...[undos, ...told].flatMap((found) => found.halfMade));
    undone += undos.undone;
    owed += undos.owed;
    reruns.push(...[...signals].flatMap(([type, count]) => (count > 1 ? [`${id} ${type} applied ${count} times`] : [])));
    lost.push(...(acknowledgedSignals.get(id) ?? []).flatMap((type) => (signals.has(type) ? [] : [`${id} ${type}`])));
  }
  const known = new Set(ids);
  for (const entry of ledger) {
    if (entry.kind === 'started' && !known.has(entry.merchant)) lost.push(...(await missing(source, entry.merchant)));
  }
  const announced = [...announcements.values()].reduce((sum, told) => sum + told.length, 0);
  return { merchants, reruns, lost, undone, owed, halfMade, announced };
}

/** The five steps tell nobody. */
function announces({ machine }: WorkflowDescription): boolean {
  return machine.id === 'merchant-onboarding';
}

/** Attempt numbers grow over crashes, so a call with a later number than the recorded one, or with a number used twice, is wrong. */
function wrongCalls(calls: readonly Done[], recorded: ReadonlyMap<string, number>): string[] {
  const seen = new Set<string>();
  return calls.flatMap((call) => {
    if (call.kind !== 'call') return [];
    const name = `${call.key} attempt ${call.attempt}`;
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated || call.attempt > (recorded.get(call.key) ?? Infinity) ? [name] : [];
  });
}

async function recordedIn(source: Source, id: string): Promise<Recorded> {
  const attempts = new Map<string, number>();
  const signals = new Map<string, number>();
  for (let from = 1; ;) {
    const page = await source.history(id, { from, limit: historyPage });
    for (const { kind, outcome, activity, event } of page) {
      if (outcome !== 'applied') continue;
      // What the chart heard of: an attempt that failed, timed out or was lost and is retried is only noted.
      if (kind.startsWith('attempt-') && activity?.attempt !== undefined) attempts.set(`${id}:1::${activity.n}`, activity.attempt);
      if (kind === 'signal') add(signals, String((event as { readonly type?: unknown }).type));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < historyPage) return { attempts, signals };
    from = last.sequence + 1;
  }
}

/** Of a dashboard there are a few. */
async function itemsIn(source: Source, { children }: WorkflowDescription): Promise<ItemResults['items']> {
  const address = children.find(({ items }) => items !== undefined)?.items?.address;
  return address === undefined ? [] : (await source.results(address, { limit: historyPage })).items;
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Types of the signals whose senders were told that they were applied. Nobody sends a signal of one type under two message ids. */
function signalsByMerchant(ledger: readonly LedgerEntry[]): Map<string, string[]> {
  const types = new Map<string, string>();
  const applied = new Map<string, string[]>();
  for (const entry of ledger) {
    const key = entry.kind === 'sending' || entry.kind === 'sent' ? JSON.stringify([entry.merchant, entry.messageId]) : '';
    if (entry.kind === 'sending') types.set(key, entry.event.type);
    const type = types.get(key);
    if (entry.kind !== 'sent' || entry.outcome !== 'applied' || type === undefined) continue;
    applied.set(entry.merchant, [...(applied.get(entry.merchant) ?? []), type]);
  }
  return applied;
}

function callsByMerchant(ledger: readonly LedgerEntry[]): Map<string, Done[]> {
  const calls = new Map<string, Done[]>();
  for (const entry of ledger) {
    if (entry.kind !== 'call' && entry.kind !== 'undo' && entry.kind !== 'undone') continue;
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
