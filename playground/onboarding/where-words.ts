/** Where a merchant is, in words. */
import type { HistoryEntry, TimerDescription, WorkflowDescription } from 'perdure';

/** What the chart's delays are for, as the rest of a sentence about a timer. */
const purposes: ReadonlyMap<string, string> = new Map([
  ['documentTimeLimit', 'gives up waiting for the document'],
  ['decisionTimeLimit', 'escalates the decision'],
  ['followUpDelay', 'sends the follow-up email'],
]);

/** Delays within which somebody is to act. */
const limits: ReadonlySet<string> = new Set(['documentTimeLimit', 'decisionTimeLimit']);

/** Whose turn it is when a state accepts an event of this type. */
const persons: ReadonlyMap<string, string> = new Map([
  ['DOCUMENT_UPLOADED', 'the merchant to upload the document'],
  ['APPROVE', 'an operator to find that the match is somebody else'],
  ['REJECT', 'an operator to find that the match is the merchant'],
  ['LOGGED_IN', 'the merchant to log in'],
]);

/** Nobody waits for these: they may come at any time. */
const unawaited: ReadonlySet<string> = new Set(['SANCTIONS_HIT']);

/** When the present state was entered. Epoch milliseconds. */
export function enteredAtMs(description: WorkflowDescription, history: readonly HistoryEntry[]): number {
  const now = JSON.stringify(description.value);
  const before = history.findLastIndex((entry) => JSON.stringify(entry.value) !== now);
  return history[before + 1]?.atMs ?? description.startedAtMs;
}

/** Attempts begun so far, by the number of their activity. */
export function attemptsOf(description: WorkflowDescription, history: readonly HistoryEntry[]): ReadonlyMap<number, number> {
  const attempts = new Map<number, number>();
  for (const { n, attempt = 0 } of [...history.flatMap(({ activity }) => activity ?? []), ...description.activities]) {
    if (attempt > 0) attempts.set(n, Math.max(attempts.get(n) ?? 0, attempt));
  }
  return attempts;
}

export function attemptsInWords(attempts: ReadonlyMap<number, number>): string {
  const begun = [...attempts.values()].reduce((sum, count) => sum + count, 0);
  const again = [...attempts.values()].filter((count) => count > 1).length;
  const activities = `${attempts.size} ${attempts.size === 1 ? 'activity' : 'activities'}`;
  const attempted = `${begun} ${begun === 1 ? 'attempt' : 'attempts'} at ${activities}`;
  return again === 0 ? attempted : `${attempted}, ${again} of them tried again`;
}

/** One sentence for each thing it waits for, but its timers. */
export function waitsInWords({ waitsFor, accepts = [] }: WorkflowDescription): string[] {
  const events = new Set(accepts.map((type) => `event "${type}"`));
  const others = waitsFor.filter((what) => !what.startsWith('timer "') && !events.has(what));
  const asked = accepts
    .filter((type) => !unawaited.has(type))
    .map((type) => (persons.has(type) ? `${persons.get(type)} (${type})` : `event "${type}"`));
  return [...others, ...asked].map((what) => `waits for ${what}`);
}

/** What became of what was done, in the order in which it was done. Empty as long as nothing is undone. */
export function undoingInWords({ compensation, ledger }: Pick<WorkflowDescription, 'compensation' | 'ledger'>): string[] {
  if (compensation === 'none') return [];
  const told = ledger.map(
    ({ name, undo }) => `${name} ${undo === 'deferred' ? 'owed: it waits in the queue' : undo === 'registered' ? 'stands' : undo}`,
  );
  return [`undoing is ${compensation}: ${told.join(', ')}`];
}

/** How many of the widgets of the dashboard are there. */
export function widgetsInWords({ children }: Pick<WorkflowDescription, 'children'>): string[] {
  return children.flatMap(({ items }) => {
    if (items === undefined) return [];
    const { total, succeeded, failed, underWay, firstFailed } = items;
    const others = [...(underWay === 0 ? [] : [`${underWay} under way`]), ...(failed === 0 ? [] : [`${failed} failed`])];
    const cause = firstFailed === undefined ? '' : `: ${firstFailed.class}: ${firstFailed.message}`;
    return [`${[`widgets ${succeeded}/${total}`, ...others].join(', ')}${cause}`];
  });
}

export function timerInWords({ id, dueAtMs }: TimerDescription, nowMs: number): string {
  const delay = delayOf(id);
  const does = purposes.get(delay) ?? `is "${delay}", due`;
  const leftMs = dueAtMs - nowMs;
  if (leftMs < 0) return `next timer ${does} as soon as somebody runs it: it was due ${durationText(-leftMs)} ago`;
  return `next timer ${does} in ${durationText(leftMs)}`;
}

/** By when what it waits for has to be there: somebody's act, or the outcome of an activity. Epoch milliseconds; undefined if it has time. */
export function deadlineAtMs({ timers, activities }: Pick<WorkflowDescription, 'timers' | 'activities'>): number | undefined {
  const moments = [
    ...timers.filter(({ id }) => limits.has(delayOf(id))).map(({ dueAtMs }) => dueAtMs),
    ...activities.flatMap(({ scheduleToCloseAtMs }) => scheduleToCloseAtMs ?? []),
  ];
  return moments.length === 0 ? undefined : Math.min(...moments);
}

/** The name of the chart's delay in the id of a timer that it set. */
function delayOf(timerId: string): string {
  return /^xstate\.after\.([^.]+)\./.exec(timerId)?.[1] ?? timerId;
}

const units = [
  ['days', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** In the largest unit of which there are two or more, so that little is lost; in seconds if there is none. */
function durationText(ms: number): string {
  const [unit, unitMs] = units.find(([, size]) => ms >= 2 * size) ?? ['s', 1_000];
  return `${Math.round((ms / unitMs) * 10) / 10} ${unit}`;
}
