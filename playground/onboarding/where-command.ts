/** `npm start -- where ID`: where a merchant's onboarding is, from the store, without running anything. */
import type { HistoryEntry, WorkflowDescription } from 'perdure';
import { openReader } from 'perdure';
import pc from 'picocolors';
import { escapeForTerminal } from '../inputs/terminal-text.ts';
import { onboardingIn, usualFaults } from './providers.ts';
import { storePath } from './run.ts';
import { stateText } from './state-text.ts';
import { stepsOf } from './steps.ts';

export async function whereCommand(id: string, data: string, json: boolean): Promise<number> {
  // Nothing is run: the activities are only there to be named.
  const ledger = { append: () => undefined, close: () => undefined };
  const machine = onboardingIn({ seed: 0, faults: usualFaults, screen: () => undefined, ledger });
  const reader = await openReader({ path: storePath(data), machines: [machine] });
  try {
    const description = await reader.describe(id);
    const history = await reader.history(id);
    if (json) process.stdout.write(`${JSON.stringify({ ...description, steps: stepsOf(history) })}\n`);
    else process.stdout.write(`${tell(description, history)}\n`);
    return 0;
  } finally {
    await reader.close();
  }
}

function tell(description: WorkflowDescription, history: readonly HistoryEntry[]): string {
  const { id, status, value, failure, machine, waitsFor } = description;
  const since = enteredAt(description, history);
  const lines = [
    `${pc.bold(id)} is ${pc.bold(stateText(value))} (${status}) since ${time(since)}`,
    `machine ${machine.id} version ${machine.version}, started ${time(description.startedAtMs)}, ${stepsOf(history)} steps`,
    ...(failure === undefined ? [] : [`failed with ${failure.class}: ${failure.message}`]),
    ...waitsFor.map((what) => `waits for ${what}`),
    ...history.map((entry) => `  ${time(entry.atMs)}  ${entry.kind.padEnd(18)} ${stateText(entry.value)}${cause(entry)}`),
  ];
  return lines.map((line) => escapeExceptColours(line)).join('\n');
}

/** Text out of a store may hold anything; the colours are ours. */
function escapeExceptColours(line: string): string {
  return line
    .split(/(\u001b\[\d+m)/)
    .map((part, index) => (index % 2 === 1 ? part : escapeForTerminal(part)))
    .join('');
}

function enteredAt(description: WorkflowDescription, history: readonly HistoryEntry[]): number {
  const now = JSON.stringify(description.value);
  const before = history.findLastIndex((entry) => JSON.stringify(entry.value) !== now);
  return history[before + 1]?.atMs ?? description.startedAtMs;
}

function cause({ failure, activity }: HistoryEntry): string {
  if (failure === undefined) return '';
  return `  attempt ${activity?.attempt ?? '?'}: ${failure.class}: ${failure.message}`;
}

function time(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').replace('Z', '');
}
