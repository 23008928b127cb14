import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import type { DatabaseReader } from '../../src/storage/database.ts';
import type { KeyRange } from '../../src/storage/keys.ts';
import { decodeJournalKey, workflowRange } from '../../src/storage/keys.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

const machine = setup({
  types: { context: {} as { count: number }, events: {} as { type: 'COUNT' } | { type: 'END' } },
}).createMachine({
  id: 'counter',
  version: '1',
  context: { count: 0 },
  initial: 'counting',
  states: {
    counting: {
      on: { COUNT: { actions: assign({ count: ({ context }) => context.count + 1 }) }, END: 'ended' },
      after: { 60_000: 'ended' },
    },
    ended: { type: 'final' },
  },
});

async function liveLong(runtime: Runtime, id: string, steps: number): Promise<void> {
  const handle = await runtime.start(machine, { id });
  for (let done = 1; done < steps; done += 100) {
    const sends = Array.from({ length: Math.min(100, steps - done) }, async () => handle.send({ type: 'COUNT' }));
    await Promise.all(sends);
  }
}

async function journalOf(database: MemoryDatabase, id: string): Promise<number[]> {
  return (await database.keys(workflowRange('journal', id))).map((key) => decodeJournalKey(key).sequence);
}

const stepsOf = async (runtime: Runtime, from: number, limit = 1_000): Promise<number[]> =>
  (await runtime.history('long', { from, limit })).map(({ step }) => step);

/** How many rows are read, and how many of them are of journals. */
function counted(database: MemoryDatabase): { readonly database: MemoryDatabase; readonly rows: { all: number; journal: number } } {
  const rows = { all: 0, journal: 0 };
  const read = <Row>(found: readonly Row[], { from }: Pick<KeyRange, 'from'>): readonly Row[] => {
    rows.all += found.length;
    if (from[0] === 'j'.charCodeAt(0)) rows.journal += found.length;
    return found;
  };
  const reader = (of: DatabaseReader): DatabaseReader => ({
    get: async (key) => read([await of.get(key)], { from: key })[0],
    entries: async (query) => read(await of.entries(query), query),
    keys: async (query) => read(await of.keys(query), query),
  });
  const readAtOnce: MemoryDatabase['readAtOnce'] = (ask) => database.readAtOnce((moment) => ask(reader(moment)));
  return { database: { ...database, ...reader(database), readAtOnce }, rows };
}

describe('a workflow of very many steps', () => {
  test('forgets the oldest steps but the first, and its history goes on behind them', async () => {
    const { runtime, database } = await openTestRuntime({ machines: [machine], journalRecordsMax: 300 });
    await liveLong(runtime, 'long', 1_300);
    expect(await journalOf(database, 'long')).toEqual([1, ...Array.from({ length: 1_300 - 1_023 }, (_item, index) => 1_024 + index)]);
    const history = await runtime.history('long');
    expect(history[0]).toMatchObject({ step: 1, kind: 'start' });
    expect(history[1]).toMatchObject({ step: 1_024, kind: 'signal', outcome: 'applied' });
    expect(history.at(-1)?.step).toBe(1_300);
    expect(history).toHaveLength(1 + 1_300 - 1_023);
    expect(await stepsOf(runtime, 1, 2)).toEqual([1, 1_024]);
    for (const from of [2, 256, 1_023, 1_024]) expect(await stepsOf(runtime, from, 2)).toEqual([1_024, 1_025]);
    expect(await stepsOf(runtime, 1_299)).toEqual([1_299, 1_300]);
    expect(await runtime.describe('long')).toMatchObject({ sequence: 1_300, context: { count: 1_299 } });
  });

  test('is opened, woken and sent to with as few reads as a short one, however much it forgot', async () => {
    const [short, long] = [5, 1_300];
    const costs: unknown[] = [];
    for (const steps of [short, long]) {
      const before = await createMemoryDatabase();
      const first = await openTestRuntime({ machines: [machine], journalRecordsMax: 300, database: before });
      await liveLong(first.runtime, 'long', steps);
      await closeTestRuntime(first);
      const { database, rows } = counted(before.reopen());
      const { runtime, clock } = await openTestRuntime({ machines: [machine], journalRecordsMax: 300, database });
      await settle();
      const opening = { ...rows };
      expect(opening.journal).toBe(0);
      expect(await runtime.send('long', { type: 'COUNT' })).toEqual({ sequence: steps + 1, outcome: 'applied' });
      const sending = { ...rows };
      await clock.pass(60_000);
      await settle();
      expect(await runtime.describe('long')).toMatchObject({ status: 'completed', context: { count: steps } });
      costs.push({ opening, sending, rows: { ...rows } });
    }
    expect(costs[1]).toEqual(costs[0]);
  });

  test('leaves no row when it is deleted', async () => {
    const { runtime, database } = await openTestRuntime({ machines: [machine], journalRecordsMax: 300 });
    await liveLong(runtime, 'long', 700);
    await runtime.send('long', { type: 'END' });
    expect((await runtime.history('long')).at(-1)).toMatchObject({ step: 701, status: 'completed' });
    await runtime.delete('long');
    for (const space of ['actor', 'journal', 'activity', 'child', 'mailbox', 'message'] as const) {
      expect(await database.keys(workflowRange(space, 'long'))).toEqual([]);
    }
    await runtime.start(machine, { id: 'long' });
    expect(await stepsOf(runtime, 1)).toEqual([1]);
  });

  test('forgets what became too much while its limit was higher, over the steps that follow', async () => {
    const first = await openTestRuntime({ machines: [machine] });
    await liveLong(first.runtime, 'long', 1_600);
    await closeTestRuntime(first);
    const database = first.database.reopen();
    expect(await journalOf(database, 'long')).toHaveLength(1_600);
    const { runtime } = await openTestRuntime({ machines: [machine], database, journalRecordsMax: 300 });
    const begins: number[] = [];
    for (let step = 1_601; step <= 2_900; step += 1) {
      await runtime.send('long', { type: 'COUNT' });
      const next = (await stepsOf(runtime, 2, 1))[0] ?? 0;
      if (next !== (begins.at(-1) ?? 2)) begins.push(next);
    }
    expect(begins).toEqual([512, 1_024, 1_536, 2_048, 2_560]);
    const kept = [1, ...Array.from({ length: 2_900 - 2_559 }, (_item, index) => 2_560 + index)];
    expect(await stepsOf(runtime, 1)).toEqual(kept);
    expect(await journalOf(database, 'long')).toEqual(kept);
  });

  test('pauses, resumes and keeps mail with the same right', async () => {
    const { runtime, database } = await openTestRuntime({ machines: [machine], journalRecordsMax: 1 });
    await runtime.start(machine, { id: 'long' });
    for (let step = 1; step < 256; step += 1) await (step % 2 === 1 ? runtime.pause('long') : runtime.resume('long'));
    expect(await journalOf(database, 'long')).toEqual([1, 256]);
    await runtime.send('long', { type: 'COUNT' });
    expect((await runtime.history('long')).map(({ step, outcome }) => [step, outcome])).toEqual([
      [1, 'applied'],
      [256, 'noted'],
      [257, 'queued'],
    ]);
    await runtime.resume('long');
    await settle();
    expect((await runtime.history('long')).at(-1)).toMatchObject({ step: 259, kind: 'signal', outcome: 'applied' });
  });
});
