/** Compares what the world saw of a workload with what the store says. Each finding is one sentence; none means that all is well. */
import type { HistoryEntry, WorkflowDescription } from 'perdure';
import { hasErrorCode } from 'perdure';
import type { EntryOf, LedgerEntry } from './outside-ledger.ts';
import { entriesOf } from './outside-ledger.ts';
import { scanId } from './parcel-client.ts';
import type { ParcelContext } from './parcel-machine.ts';

/** What the audit asks: answered by a runtime or by a reader. */
export interface Source {
  describe(id: string): Promise<WorkflowDescription>;
  history(id: string): Promise<readonly HistoryEntry[]>;
}

interface Parcel {
  readonly description: WorkflowDescription;
  readonly history: readonly HistoryEntry[];
}

/** What is on disk right after a crash: everything that was acknowledged, and the reason for everything that was done. */
export async function findMissing(source: Source, ledger: readonly LedgerEntry[]): Promise<string[]> {
  const parcels = new Map<string, Parcel | undefined>();
  const ids = new Set(ledger.flatMap((entry) => ('id' in entry ? [entry.id] : [])));
  for (const id of ids) parcels.set(id, await readParcel(source, id));
  return ledger.flatMap((entry) => {
    if (!('id' in entry)) return [];
    const parcel = parcels.get(entry.id);
    if (parcel === undefined) return [`${entry.id}: ${entry.kind} by the ledger, but not in the store`];
    switch (entry.kind) {
      case 'started':
      case 'undoing':
      case 'announced':
        return [];
      case 'sent':
        return findMissingMessage(parcel, entry);
      case 'closed':
        return parcel.description.status === entry.status
          ? []
          : [`${entry.id}: closed by the ledger, in the store ${parcel.description.status}`];
      case 'called':
        return isCallExplained(parcel, entry) ? [] : [`${entry.key}: attempt ${entry.attempt} was called, but is not in the store`];
    }
  });
}

/** What is true when every parcel has come to its end. */
export async function findViolations(source: Source, ids: readonly string[], ledger: readonly LedgerEntry[]): Promise<string[]> {
  const violations: string[] = [];
  const commits: number[] = [];
  const calls = groupedBy(entriesOf(ledger, 'called'), ({ id }) => id);
  for (const id of ids) {
    const parcel = await readParcel(source, id);
    if (parcel === undefined) {
      violations.push(`${id}: not in the store`);
      continue;
    }
    commits.push(...parcel.history.map(({ commit }) => commit));
    violations.push(...findInHistory(parcel), ...findInCalls(parcel, calls.get(id) ?? []));
  }
  commits.sort((a, b) => a - b);
  const gap = commits.findIndex((commit, index) => commit !== index + 1);
  const around = commits.slice(Math.max(0, gap - 2), gap + 3).join();
  if (gap !== -1) violations.push(`commit ${gap + 1} is missing or there twice: ${around}`);
  return violations;
}

async function readParcel(source: Source, id: string): Promise<Parcel | undefined> {
  try {
    return { description: await source.describe(id), history: await source.history(id) };
  } catch (error) {
    if (hasErrorCode(error, 'WORKFLOW_NOT_FOUND')) return undefined;
    throw error;
  }
}

function findMissingMessage({ history }: Parcel, sent: EntryOf<'sent'>): string[] {
  const applied = history.find(({ sequence }) => sequence === sent.sequence);
  const isThere = applied?.kind === 'signal' && applied.outcome === sent.outcome && scanId(sent.id, scanNumber(applied)) === sent.messageId;
  return isThere
    ? []
    : [`${sent.messageId}: ${sent.outcome} as commit ${sent.sequence} by the ledger, but there is ${JSON.stringify(applied)}`];
}

/** A call needs its attempt on disk: pending under this number or a later one, or with an outcome. */
function isCallExplained({ description, history }: Parcel, call: EntryOf<'called'>): boolean {
  const pending = description.activities.find(({ idempotencyKey }) => idempotencyKey === call.key);
  if (pending !== undefined) return pending.attempt >= call.attempt;
  return (recordedAttempts(description, history).get(call.key) ?? 0) >= call.attempt;
}

function findInHistory({ description, history }: Parcel): string[] {
  const { id, status, sequence } = description;
  const { scanned, scans, restMs } = description.context as ParcelContext;
  const found: string[] = [];
  if (status !== 'completed') found.push(`${id}: ${status}, not completed`);
  if (history.length !== sequence || history.some((entry, index) => entry.sequence !== index + 1)) {
    found.push(`${id}: journal ${history.map((entry) => entry.sequence).join(',')} of ${sequence} commits`);
  }
  const wanted = Array.from({ length: scans }, (_none, index) => index + 1);
  const signals = history.filter((entry) => entry.kind === 'signal').map(scanNumber);
  for (const [what, numbers] of Object.entries({ context: scanned, journal: signals })) {
    if (numbers.join() !== wanted.join()) found.push(`${id}: scans 1 to ${scans} were sent, its ${what} has ${numbers.join()}`);
  }
  const rested = history.find((entry) => entry.value === 'resting');
  const fired = history.filter((entry) => entry.kind === 'timer');
  if (fired.length !== 1) found.push(`${id}: its timer fired ${fired.length} times`);
  if (rested !== undefined && fired.some(({ atMs }) => atMs < rested.atMs + restMs)) found.push(`${id}: its timer fired early`);
  if (history.some((entry, index) => entry.atMs < (history[index - 1]?.atMs ?? 0))) found.push(`${id}: time went back in its journal`);
  return found;
}

/** Attempts grow, and none comes after the one whose outcome was recorded; each recorded one was called. */
function findInCalls({ description, history }: Parcel, calls: readonly EntryOf<'called'>[]): string[] {
  const recorded = recordedAttempts(description, history);
  const attempts = groupedBy(calls, ({ key }) => key);
  const found: string[] = [];
  for (const [key, ofKey] of attempts) {
    const numbers = ofKey.map(({ attempt }) => attempt);
    if (numbers.some((number, index) => number <= (numbers[index - 1] ?? 0))) found.push(`${key}: attempts ${numbers.join()} do not grow`);
    const last = recorded.get(key) ?? 0;
    if (numbers.some((number) => number > last)) found.push(`${key}: attempts ${numbers.join()}, recorded is the outcome of ${last}`);
  }
  for (const [key, attempt] of recorded) {
    const called = attempts.get(key)?.at(-1)?.attempt;
    if (called !== attempt) found.push(`${key}: attempt ${attempt} is recorded, the last one called is ${called}`);
  }
  const outcomes = history.filter((entry) => entry.kind === 'attempt-completed').map(({ activity }) => activity?.n);
  if (new Set(outcomes).size !== outcomes.length) found.push(`${description.id}: outcomes recorded of ${outcomes.join()}, one twice`);
  return found;
}

/** The attempt whose completion was recorded, by idempotency key. */
function recordedAttempts({ id, run }: WorkflowDescription, history: readonly HistoryEntry[]): Map<string, number> {
  const recorded = history.flatMap(({ kind, outcome, activity }) =>
    kind === 'attempt-completed' && outcome === 'applied' && activity?.attempt !== undefined
      ? [[`${id}:${run}::${activity.n}`, activity.attempt] as const]
      : [],
  );
  return new Map(recorded);
}

function scanNumber({ event }: HistoryEntry): number {
  return (event as { readonly number: number }).number;
}

function groupedBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
