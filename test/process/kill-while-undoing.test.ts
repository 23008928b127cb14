import { setTimeout as delay } from 'node:timers/promises';
import { openReader, openRuntime } from 'perdure';
import type { WorkflowDescription } from 'perdure';
import { expect, test } from 'vitest';
import { mulberry32 } from '../../playground/inputs/seeded-random.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { journeyInput, journeysIn, travelAll, undosInOrder } from './journey-machine.ts';
import type { EntryOf, LedgerEntry } from './outside-ledger.ts';
import { entriesOf, openLedger, readLedger } from './outside-ledger.ts';
import type { Place } from './places.ts';
import { newPlace } from './places.ts';
import { startWorkload } from './workload-process.ts';

const kills = isSoak ? 500 : 30;
/** A process that comes this far is killed within so many milliseconds. */
const scatterMs = 8;
const undoMs = 4;

type Undoing = EntryOf<'undoing'>;

function undoingsOf(ledger: readonly LedgerEntry[]): Map<string, Undoing[]> {
  const byId = new Map<string, Undoing[]>();
  for (const entry of entriesOf(ledger, 'undoing')) byId.set(entry.id, [...(byId.get(entry.id) ?? []), entry]);
  return byId;
}

/** Journeys of which something was undone by now, and something not. */
function inTheMiddle(ledger: readonly LedgerEntry[]): string[] {
  const undoings = [...undoingsOf(ledger)];
  return undoings.filter(([, calls]) => new Set(calls.map(({ step }) => step)).size < undosInOrder.length).map(([id]) => id);
}

function openNumbers(ledger: readonly LedgerEntry[]): number[] {
  const closed = new Set(entriesOf(ledger, 'closed').map(({ id }) => id));
  const begun = new Set(ledger.flatMap((entry) => ('id' in entry ? [entry.id] : [])));
  return [...begun].filter((id) => !closed.has(id)).map((id) => Number(id.slice('j-'.length)));
}

/** How often each undo was called whose outcome is on disk: that is how often it will have been. */
async function noteRecorded({ path, ledger }: Place, recorded: Map<string, number>, ids: readonly string[]): Promise<void> {
  const calls = entriesOf(readLedger(ledger), 'undoing');
  const reader = await openReader({ path });
  try {
    for (const id of ids) {
      for (const { undo, idempotencyKey: key } of (await reader.describe(id)).ledger) {
        const isOver = undo === 'undone' || undo === 'deferred';
        if (isOver && key !== undefined) recorded.set(key, calls.filter((call) => call.key === key).length);
      }
    }
  } finally {
    await reader.close();
  }
}

/** What is wrong with the calls of one journey, now that it is over. */
function findWrong(number: number, { status, compensation, ledger }: WorkflowDescription, calls: readonly Undoing[]): string[] {
  const { id, isStuck } = journeyInput(number);
  const found: string[] = [];
  const compare = (what: string, is: unknown, wanted: unknown): void => {
    if (JSON.stringify(is) !== JSON.stringify(wanted)) found.push(`${id}: ${what} ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`);
  };
  compare('it ended', [status, compensation], ['failed', isStuck ? 'deferred' : 'done']);
  const steps = calls.map(({ step }) => step);
  // A step of which an older one was undone already is not undone again: its outcome was recorded before.
  compare(
    'undone were',
    steps.filter((step, index) => step !== steps[index - 1]),
    undosInOrder,
  );
  for (const step of undosInOrder) {
    const own = calls.filter((call) => call.step === step);
    const entry = ledger.find(({ kind, name }) => kind === 'activity' && name === step);
    const outcome = step === 'car' ? 'unknown' : 'completed';
    compare(`${step} has the keys`, [...new Set(own.map(({ key }) => key))], [entry?.idempotencyKey]);
    compare(`${step} was told`, [...new Set(own.map((call) => call.outcome))], [outcome]);
    compare(`${step} is`, [entry?.outcome, entry?.undo], [outcome, isStuck && step === 'hotel' ? 'deferred' : 'undone']);
    const attempts = own.map(({ attempt }) => attempt);
    const isGrowing = attempts.every((attempt, index) => attempt > (attempts[index - 1] ?? 0));
    if (!isGrowing) found.push(`${id}: attempts of ${step}: ${attempts.join()}`);
  }
  return found;
}

test(
  `killed ${kills} times while it undoes, a workload undoes everything in order, and nothing again whose outcome was recorded`,
  async () => {
    const random = mulberry32(seed);
    const place = await newPlace();
    const replay = replayOf('kill-while-undoing.test.ts');
    const recorded = new Map<string, number>();
    let count = 0;
    let first = 1;
    while (count < kills) {
      const life = startWorkload({ kind: 'undo', ...place, first, atOnce: 8, undoMs });
      await life.hears('undoing', 2 + Math.floor(random() * 24));
      await delay(random() * scatterMs);
      expect(await life.kill()).toEqual({ code: null, signal: 'SIGKILL', stderr: '' });
      const ledger = readLedger(place.ledger);
      const open = openNumbers(ledger);
      const middle = new Set(inTheMiddle(ledger));
      if (open.some((number) => middle.has(journeyInput(number).id))) count += 1;
      await noteRecorded(place, recorded, [...middle]);
      first = Math.min(...open);
    }
    const ledger = openLedger(place.ledger);
    const machines = journeysIn({ ledger, undoMs: 0 });
    const numbers = Array.from({ length: Math.max(...openNumbers(readLedger(place.ledger))) }, (_none, index) => index + 1);
    const runtime = await openRuntime({ path: place.path, machines: Object.values(machines) });
    try {
      await travelAll({ runtime, machines, ledger }, numbers, 50);
      const undoings = undoingsOf(readLedger(place.ledger));
      const found: string[] = [];
      for (const number of numbers) {
        const { id } = journeyInput(number);
        found.push(...findWrong(number, await runtime.describe(id), undoings.get(id) ?? []));
      }
      expect(found, replay).toEqual([]);
      const all = [...undoings.values()].flat();
      const again = [...recorded].filter(([key, times]) => all.filter((call) => call.key === key).length !== times);
      expect(again, `executed again after the outcome was recorded; ${replay}`).toEqual([]);
      expect(
        all.some(({ attempt }) => attempt > 1),
        'no kill met a running undo',
      ).toBe(true);
    } finally {
      await runtime.close();
    }
  },
  isSoak ? 3_600_000 : 180_000,
);
