/** Fan-outs of any size, with any failures and tolerance, over any number of crashes. */
import { activity, fanOut } from 'perdure/authoring';
import type { FanOutOptions, SourcePage, SourceQuestion } from 'perdure/authoring';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isBreached, parseFanOut } from '../../src/kernel/fan-out-plan.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { numbers, parentOf } from '../support/fan-outs.ts';
import { isSoak, seed } from '../support/sizes.ts';
import { errorOf } from '../support/world.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { openTestRuntime } from './local-runtime.ts';

const runs = isSoak ? 2_000 : 60;
const address = { workflowId: 'w', run: 1, path: [1] };

interface Case {
  readonly count: number;
  readonly failing: readonly number[];
  readonly options: FanOutOptions;
  /** Undefined: they are given as an array. */
  readonly pageSize: number | undefined;
  /** After how many turns of the event loop each life ends. */
  readonly lives: readonly number[];
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    count: fc.integer({ min: 0, max: 40 }),
    failing: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }),
    concurrency: fc.integer({ min: 1, max: 9 }),
    tolerate: fc.oneof(
      fc.record({ count: fc.integer({ min: 0, max: 8 }) }),
      fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ),
    onBreach: fc.constantFrom('cancel', 'wait'),
    results: fc.constantFrom('inline', 'paged'),
    pageSize: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    lives: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }),
  })
  .map(({ count, failing, lives, pageSize, ...options }) => ({
    count,
    failing: failing.filter((item) => item <= count),
    lives,
    pageSize,
    options,
  }));

/** What is on disk of items that ended. */
async function endedOn(database: MemoryDatabase) {
  const store = await openStoreOn(database, { location: 'memory', storeId: 'test' });
  return store.readItems(address, 1, 1_000);
}

/** @returns what its parent heard, and every call of an item after it was on disk that it had ended */
async function play({ count, failing, options, lives, pageSize }: Case) {
  const ended = new Set<number>();
  const again: number[] = [];
  let life = 0;
  const machineOf = (own: number) => {
    const item = activity<number, number>({
      name: 'item',
      run: async ({ input }) => {
        // What a life that is over still does is nobody's business.
        if (own === life && ended.has(input)) again.push(input);
        await Promise.resolve();
        if (failing.includes(input)) throw errorOf('Refused', `item ${input}`);
        return 10 * input;
      },
      retry: { maximumAttempts: 10, nonRetryableErrorTypes: ['Refused'] },
    });
    if (pageSize === undefined) return parentOf(fanOut(item, options), numbers(count));
    // Every other page has no items.
    const source = activity<SourceQuestion<number, number>, SourcePage<number, number>>({
      name: 'source',
      run: ({ input: { input, cursor } }) => {
        const read = Math.floor((cursor ?? 0) / 2) * pageSize;
        const items = (cursor ?? 0) % 2 === 0 ? numbers(input).slice(read, read + pageSize) : [];
        return { items, next: read >= input ? undefined : (cursor ?? 0) + 1 };
      },
      retry: { maximumAttempts: 10 },
    });
    return parentOf(fanOut(item, { ...options, source }), count);
  };
  let database = await createMemoryDatabase();
  const start = async (): Promise<Awaited<ReturnType<typeof openTestRuntime>>['runtime']> => {
    life += 1;
    const machine = machineOf(life);
    const { runtime } = await openTestRuntime({ machines: [machine], database });
    await runtime.start(machine, { id: 'w' }).catch(() => undefined);
    return runtime;
  };
  for (const turns of lives) {
    await start();
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    // What the life before still writes does not reach the disk.
    const before = database;
    database = before.reopen();
    await before.close();
    for (const { n } of await endedOn(database)) ended.add(n);
  }
  const runtime = await start();
  const handle = await runtime.get('w');
  await handle.waitFor(({ value }) => value !== 'busy');
  const { heard } = handle.getSnapshot().context as { readonly heard: readonly Record<string, unknown>[] };
  return { heard, again, runtime, rows: await endedOn(database.reopen()) };
}

test('every item ends once and the parent hears of it once, whatever fails and whenever the process dies', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (drawn) => {
      const { count, failing, options, pageSize } = drawn;
      const { heard, again, rows } = await play(drawn);
      expect(again).toEqual([]);
      expect(heard).toHaveLength(1);
      expect(new Set(rows.map(({ n }) => n)).size).toBe(rows.length);
      for (const { n, status, output } of rows) {
        expect([n, status, output]).toEqual(failing.includes(n) ? [n, 'failed', undefined] : [n, 'completed', 10 * n]);
      }
      const failed = rows.filter(({ status }) => status === 'failed').length;
      expect(heard[0]).toMatchObject({ failed, succeeded: rows.length - failed });
      const total = Number(heard[0]!['total']);
      const isCutShort = pageSize !== undefined && heard[0]!['name'] === 'FanOutFailed';
      if (isCutShort) expect(total).toBeLessThanOrEqual(count);
      else expect(total).toBe(count);
      const plan = parseFanOut(options);
      if (isBreached(plan, { total: count, failed: failing.length })) {
        expect(heard[0]).toMatchObject({ name: 'FanOutFailed' });
        expect(isBreached(plan, { total, failed })).toBe(true);
      } else {
        expect(rows.map(({ n }) => n)).toEqual(numbers(count));
        const outputs = numbers(count).flatMap((n) => (failing.includes(n) ? [] : [10 * n]));
        expect(heard[0]!['results']).toEqual(options.results === 'paged' ? [] : outputs);
      }
    }),
    { numRuns: runs, seed },
  );
}, 120_000);
