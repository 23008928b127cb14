/** The merchant onboarding on a real store, in a world that does what a scenario wants, told as it happens. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import type { OutboxHandler, Runtime, WorkflowDescription } from 'perdure';
import { openRuntime, WorkflowFailedError } from 'perdure';
import type { MerchantAnnouncement, merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import { announcingTo, delivered, readAnnouncements } from '../onboarding/announcements.ts';
import type { LedgerEntry } from '../onboarding/ledger.ts';
import { merchantOnboardingIn } from '../onboarding/merchant-world.ts';
import type { World } from '../onboarding/providers.ts';
import { wholeOf } from '../onboarding/providers.ts';
import type { Stage } from './scenario.ts';
import { inWords, toldInWords } from './words.ts';

export const merchant = { name: 'Blue Fig Coffee', country: 'PT', owner: 'Ana Reis', email: 'ana@example.com' };

export interface OnboardingStage {
  readonly runtime: Runtime;
  readonly machine: typeof merchantOnboarding;
  readonly world: World;
  /** What the providers saw: their own account of what happened. */
  readonly seen: readonly LedgerEntry[];
  /** What others were told of a merchant, in order; waits for what is on its way. */
  readonly told: (id: string) => Promise<string[]>;
}

type Props = Partial<Pick<World, 'script' | 'takesMs' | 'undoRetry'>>;

/** @param change makes another machine of the shipped one */
export async function openOnboarding(
  stage: Stage,
  props: Props = {},
  change: (machine: typeof merchantOnboarding, world: World) => typeof merchantOnboarding = (machine) => machine,
): Promise<OnboardingStage> {
  const seen: LedgerEntry[] = [];
  const append = (entry: LedgerEntry): void => {
    seen.push(entry);
    const told = wordsFor(entry, props);
    if (told !== undefined) stage.say(told);
  };
  const faults = { transientShare: 0, hangShare: 0, refusedShare: 0, delayMs: [5, 15] } as const;
  const world: World = {
    seed: 1,
    faults,
    screen: () => undefined,
    ledger: { append, close: () => undefined },
    script: () => false,
    ...props,
  };
  const machine = change(merchantOnboardingIn(world, 1), world);
  const path = join(stage.folder, 'announcements.jsonl');
  const tell: OutboxHandler = ({ event }) => stage.say(`    told    ${toldInWords(event.type as MerchantAnnouncement['type'])}`);
  const outbox = { ...announcingTo(path), tell };
  const runtime = await openRuntime({ path: join(stage.folder, 'store'), machines: [machine], outbox });
  stage.atEnd(async () => runtime.close());
  const told = async (id: string): Promise<string[]> => {
    await delivered(runtime, new AbortController().signal, (line) => stage.say(line));
    return [...((await readAnnouncements(path)).get(id) ?? [])];
  };
  return { runtime, machine, world, seen, told };
}

function wordsFor(entry: LedgerEntry, { script }: Props): string | undefined {
  switch (entry.kind) {
    case 'call':
      return `    done    ${inWords(entry.activity)}${entry.widget === undefined ? '' : `: ${entry.widget}`}`;
    case 'undone':
      return `    undone  ${inWords(entry.activity)}`;
    case 'undo': {
      const isDown = script?.(entry.merchant, entry.activity, entry.attempt) === true;
      return isDown ? `    no answer to "${entry.activity}", attempt ${entry.attempt}` : undefined;
    }
    default:
      return undefined;
  }
}

/** Names of what was undone, in the order in which the providers say it was. */
export function undoneIn(seen: readonly LedgerEntry[], id: string): string[] {
  return seen.flatMap((entry) => (entry.kind === 'undone' && entry.merchant === id ? [entry.activity] : []));
}

/** Names of what was called for, in order, each once. */
export function calledIn(seen: readonly LedgerEntry[], id: string): string[] {
  return [...new Set(seen.flatMap((entry) => (entry.kind === 'call' && entry.merchant === id ? [entry.activity] : [])))];
}

/** How it ended; undefined if it completed. */
export async function failureOf(result: Promise<unknown>): Promise<WorkflowFailedError | undefined> {
  return result.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof WorkflowFailedError) return error;
      throw error;
    },
  );
}

export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(10);
}

/** What stands, what was undone and what is owed, in the order in which it was done. */
export function finalTable(seen: readonly LedgerEntry[], { id, ledger }: WorkflowDescription): string {
  const table = new Table({ head: ['step', 'now'], style: { head: [], border: [] } });
  const undos = new Map(
    ledger.map(({ name, undo, outcome }) => [name, `${undo}${outcome === 'unknown' ? ' (it was not known whether it was done)' : ''}`]),
  );
  for (const name of calledIn(seen, id)) {
    const undo = undos.get(wholeOf(name) ?? name);
    const word = undo === undefined ? 'stands: it was decided that there is nothing to undo' : undo === 'registered' ? 'stands' : undo;
    const whole = wholeOf(name) === undefined || undo === 'registered' ? '' : ` with ${wholeOf(name)}`;
    table.push([name, `${word.replace('deferred', 'owed: it waits in the queue')}${whole}`]);
  }
  return table.toString();
}

/** For the line of JSON. */
export function factsOf(seen: readonly LedgerEntry[], { id, status, value, failure, compensation, ledger, queue }: WorkflowDescription) {
  return {
    status,
    value,
    failure: failure?.class ?? null,
    compensation,
    done: calledIn(seen, id),
    undone: undoneIn(seen, id),
    owed: ledger.filter(({ undo }) => undo === 'deferred').map(({ name }) => name),
    stands: ledger.filter(({ undo }) => undo === 'registered').map(({ name }) => name),
    queue: queue.length,
  };
}
