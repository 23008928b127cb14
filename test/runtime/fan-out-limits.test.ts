/** Fan-outs at the edges of what is allowed: refused in words or done, and never parked. */
import { activity, fanOut } from 'perdure/authoring';
import type { SourcePage, SourceQuestion } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import { itemsOf, numbers, parentOf } from '../support/fan-outs.ts';
import { recordingLogger } from '../support/logged.ts';
import { errorOf, World } from '../support/world.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';

const paged = { results: 'paged' } as const;

/** Gives so many numbers, in pages of this size. */
function countingTo(total: number, size: number) {
  return activity<SourceQuestion<null, number>, SourcePage<number, number>>({
    name: 'counting',
    run: ({ input: { cursor } }) => {
      const last = Math.min((cursor ?? 0) + size, total);
      return { items: numbers(total).slice(cursor ?? 0, last), next: last < total ? last : undefined };
    },
  });
}

async function failureOf(parent: ReturnType<typeof parentOf>): Promise<unknown> {
  const { runtime } = await openTestRuntime({ machines: [parent] });
  const handle = await runtime.start(parent, { id: 'w-1' });
  await handle.waitFor(({ value }) => value === 'failed');
  return handle.getSnapshot().context.heard[0];
}

describe('a fan-out', () => {
  test('with a source runs as many at once as any may', async () => {
    const world = new World();
    const max = limits.fanOutConcurrencyMax;
    const item = activity<number, string>({ name: 'item', run: (scope) => world.call('item', scope) });
    const parent = parentOf(fanOut(item, { concurrency: max, source: countingTo(3 * max, max), ...paged }), null);
    const { runtime } = await openTestRuntime({ machines: [parent], maxConcurrentAttempts: 2 * max });
    await runtime.start(parent, { id: 'w-1' });
    await until(() => world.calls.length === max);
    await settle();
    const [child] = (await runtime.describe('w-1')).children;
    expect(child?.items).toMatchObject({ underWay: max, total: 2 * max });
  });

  test('of machines that end at once is no endless conversation, and others get their turns between', async () => {
    const atOnce = setup({}).createMachine({ id: 'at-once', initial: 'a', states: { a: { type: 'final' } } });
    const parent = parentOf(fanOut(atOnce, { concurrency: 8, ...paged }), numbers(8_000), { isFinal: true });
    const { runtime, clock } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    const [child] = (await runtime.describe('w-1')).children;
    expect(child?.items).toMatchObject({ succeeded: limits.itemsInRowMax, total: 8_000 });
    while (handle.getSnapshot().status !== 'done') {
      clock.advance(0);
      await settle(1);
    }
    expect(await handle.result()).toMatchObject({ total: 8_000, succeeded: 8_000 });
  });

  test.each([
    ['alone', 1_048_560, 1, { code: 'PAYLOAD_TOO_LARGE' }],
    ['with its cursor', 600_000, 600_000, { name: 'FanOutTooLarge' }],
  ])('fails with words where the input of its source is too large, %s', async (_, input, cursor, expected) => {
    const item = activity<number, number>({ name: 'item', run: ({ input: n }) => n });
    const source = activity<SourceQuestion<string, string>, SourcePage<number, string>>({
      name: 'source',
      run: () => ({ items: [1], next: 'y'.repeat(cursor) }),
    });
    const error = await failureOf(parentOf(fanOut(item, { concurrency: 8, source, ...paged }), 'x'.repeat(input)));
    expect(error).toMatchObject(expected);
    expect(String(error)).toMatch(/large|smaller/);
  });

  test('tells the logger of items that failed for good in one step as of one that failed alone', async () => {
    const world = new World();
    const logger = recordingLogger();
    const parent = parentOf(itemsOf(world, { concurrency: 3, tolerate: { count: 9 }, ...paged }), numbers(4));
    const { runtime } = await openTestRuntime({ machines: [parent], logger });
    await runtime.start(parent, { id: 'w-1' });
    await settle();
    for (const n of [1, 2, 3]) world.last(`item ${n}`).fail(errorOf('Refused', 'no'));
    await settle();
    world.last('item 4').fail(errorOf('Refused', 'no'));
    await settle();
    const told = logger.lines.filter(({ message }) => message === 'An activity failed for good.').map(({ data }) => data);
    const failures = told.map((data) => ('items' in data ? Number(data.items) : 1));
    expect(failures.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(told.at(-1)).toEqual({ id: 'w-1', run: 1, activity: 'item', attempt: 1, class: 'Refused', item: 4 });
  });

  test('whose undos have no time left defers all of them, however many they are', async () => {
    const count = 4_000;
    const world = new World();
    const book = activity<number, number>({
      name: 'book',
      run: ({ input }) => input,
      compensate: { run: (scope) => world.call<void>(`undo ${scope.input}`, scope) },
    });
    const machine = setup({ actors: { items: fanOut(book, { concurrency: 100, ...paged }) } }).createMachine({
      id: 'failing',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'items', input: numbers(count), onDone: 'failed' } }, failed: { type: 'final', tags: ['failed'] } },
    });
    const { runtime, clock } = await openTestRuntime({ machines: [machine], compensationBudgetMs: 5_000 });
    const handle = await runtime.start(machine, { id: 'w-1' });
    const ended = expect(handle.result()).rejects.toMatchObject({ details: { status: 'failed' } });
    await until(() => world.calls.length === 100);
    clock.advance(5_000);
    await ended;
    expect(await runtime.describe('w-1')).toMatchObject({ status: 'failed', compensation: 'deferred' });
    expect((await runtime.queue.count()).value).toBe(count);
    expect(world.calls).toHaveLength(100);
  });
});
