/** `npm start -- where ID`: where a merchant's onboarding is, from the store, without running anything. */
import type { HistoryEntry, WorkflowDescription } from 'perdure';
import { openReader } from 'perdure';
import pc from 'picocolors';
import { escapeForTerminal } from '../inputs/terminal-text.ts';
import { fiveStepIn } from './five-step-world.ts';
import { merchantOnboardingIn } from './merchant-world.ts';
import { usualFaults } from './providers.ts';
import { storePath } from './run.ts';
import { usualTimeScale } from './scenario.ts';
import { stateText } from './state-text.ts';
import { stepsOf } from './steps.ts';
import {
  attemptsInWords,
  attemptsOf,
  deadlineAtMs,
  enteredAtMs,
  timerInWords,
  undoingInWords,
  waitsInWords,
  widgetsInWords,
} from './where-words.ts';

export async function whereCommand(id: string, data: string, json: boolean): Promise<number> {
  // Nothing is run: the activities are only there to be named. A store holds workflows of one machine or the other.
  const ledger = { append: () => undefined, close: () => undefined };
  const world = { seed: 0, faults: usualFaults, screen: () => undefined, ledger };
  const machines = [fiveStepIn(world), merchantOnboardingIn(world, usualTimeScale)];
  const reader = await openReader({ path: storePath(data), machines });
  try {
    const description = await reader.describe(id);
    const history = await reader.history(id);
    if (json) process.stdout.write(`${JSON.stringify(facts(description, history))}\n`);
    else process.stdout.write(`${tell(description, history)}\n`);
    return 0;
  } finally {
    await reader.close();
  }
}

/** For programs: the description, and what the words are made of. */
function facts(description: WorkflowDescription, history: readonly HistoryEntry[]): object {
  return {
    ...description,
    enteredAtMs: enteredAtMs(description, history),
    steps: stepsOf(history),
    attempts: [...attemptsOf(description, history).values()].reduce((sum, count) => sum + count, 0),
    nextTimer: description.timers[0] ?? null,
    deadlineAtMs: deadlineAtMs(description) ?? null,
  };
}

function tell(description: WorkflowDescription, history: readonly HistoryEntry[]): string {
  const { id, status, value, failure, machine, timers } = description;
  const since = enteredAtMs(description, history);
  const deadline = deadlineAtMs(description);
  const started = `machine ${machine.id} version ${machine.version}, started ${time(description.startedAtMs)}`;
  const lines = [
    `${pc.bold(id)} is ${pc.bold(stateText(value))} (${status}) since ${time(since)}`,
    `${started}, ${stepsOf(history)} steps, ${attemptsInWords(attemptsOf(description, history))}`,
    ...(failure === undefined ? [] : [`failed with ${failure.class}: ${failure.message}`]),
    ...widgetsInWords(description),
    ...undoingInWords(description),
    ...waitsInWords(description),
    ...timers.slice(0, 1).map((timer) => `${timerInWords(timer, Date.now())} (${time(timer.dueAtMs)})`),
    ...(description.closedAtMs === undefined ? [deadline === undefined ? 'no deadline' : `deadline ${time(deadline)}`] : []),
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

function cause({ failure, activity, event }: HistoryEntry): string {
  if (failure !== undefined) return `  attempt ${activity?.attempt ?? '?'}: ${failure.class}: ${failure.message}`;
  return event === undefined ? '' : `  ${String((event as { readonly type?: unknown }).type)}`;
}

function time(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').replace('Z', '');
}
