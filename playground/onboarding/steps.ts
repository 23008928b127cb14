import type { HistoryEntry } from 'perdure';

const failedAttempts: ReadonlySet<HistoryEntry['kind']> = new Set(['attempt-failed', 'attempt-timed-out', 'attempt-lost']);

/** Steps of an onboarding as people count them: state changes and failed attempts. */
export function stepsOf(history: readonly HistoryEntry[]): number {
  let steps = 0;
  let before: string | undefined;
  for (const entry of history) {
    const value = JSON.stringify(entry.value);
    if (before !== undefined && value !== before) steps += 1;
    // The last failed attempt of an activity is delivered to the chart: that is the state change already counted.
    else if (failedAttempts.has(entry.kind)) steps += 1;
    before = value;
  }
  return steps;
}
