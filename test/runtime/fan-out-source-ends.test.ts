/** How a source ends, and what a fan-out keeps of what was declared when it began. */
import { activity, fanOut } from 'perdure/authoring';
import type { FanOutOptions, SourcePage, SourceQuestion } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import { createActor, setup, toPromise } from 'xstate';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { callsIn, itemsOf, numbers, parentOf } from '../support/fan-outs.ts';
import { errorOf, World } from '../support/world.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

type Pages = (cursor: string | null, times: number) => SourcePage<number, string>;

function sourceOf(pages: Pages) {
  let times = 0;
  return activity<SourceQuestion<null, string>, SourcePage<number, string>>({
    name: 'source',
    run: ({ input: { cursor } }) => pages(cursor, (times += 1)),
    retry: { maximumAttempts: 1 },
  });
}

const identity = activity<number, number>({ name: 'item', run: ({ input }) => input });

async function heardOf(pages: Pages): Promise<unknown> {
  const parent = parentOf(fanOut(identity, { concurrency: 2, source: sourceOf(pages) }), null, { isFinal: true });
  const { runtime } = await openTestRuntime({ machines: [parent] });
  const handle = await runtime.start(parent, { id: 'w-1' });
  await handle.waitFor(({ value }) => value !== 'busy');
  return handle.getSnapshot().context.heard.at(-1);
}

async function heardPlainly(pages: Pages): Promise<unknown> {
  const actor = createActor(fanOut(identity, { concurrency: 2, source: sourceOf(pages) }), { input: null });
  actor.subscribe({ error: () => undefined });
  const output = toPromise(actor).catch((error: unknown) => error);
  actor.start();
  return output;
}

describe.each([
  ['a durable fan-out', heardOf],
  ['a plain one', heardPlainly],
])('the source of %s', (_, heard) => {
  test('ends with null as with nothing', async () => {
    const seen = await heard((cursor) => (cursor === null ? { items: [1, 2], next: 'more' } : { items: [3], next: null }));
    expect(seen).toMatchObject({ total: 3, succeeded: 3, results: [1, 2, 3] });
  });

  test('fails the fan-out if it does not get on', async () => {
    const asked: number[] = [];
    const seen = await heard((_cursor, times) => {
      asked.push(times);
      return { items: [times], next: 'here' };
    });
    expect(seen).toMatchObject({ name: 'FanOutSourceInvalid' });
    expect(String(seen)).toContain('it was asked with the cursor "here" and returned it as next');
    expect(asked).toEqual([1, 2]);
  });
});

test('a plain fan-out whose source fails stops what runs, begins nothing and asks no more', async () => {
  const world = new World();
  let asked = 0;
  const item = activity<number, string>({ name: 'item', run: (scope) => world.call(`item ${scope.input}`, scope) });
  const source = sourceOf((cursor) => {
    asked += 1;
    if (cursor !== null) throw errorOf('Gone', 'no more of it');
    return { items: [1, 2], next: 'more' };
  });
  const actor = createActor(fanOut(item, { concurrency: 3, source }), { input: null });
  actor.subscribe({ error: () => undefined });
  const output = toPromise(actor);
  actor.start();
  await expect(output).rejects.toMatchObject({ name: 'Gone' });
  await settle();
  expect(callsIn(world)).toEqual(['item 1', 'item 2']);
  expect(world.calls.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  expect(asked).toBe(2);
});

test.each([
  ['paged', 'inline', []],
  ['inline', 'paged', ['a', 'b', 'c', 'd']],
] as const)('a fan-out that began with results %s goes on so, though they are declared %s since', async (before, after, results) => {
  const world = new World();
  const machineOf = (kind: FanOutOptions['results']) =>
    parentOf(itemsOf(world, { concurrency: 2, maximumAttempts: 5, ...(kind === undefined ? {} : { results: kind }) }), numbers(4));
  const one = machineOf(before);
  const first = await openTestRuntime({ machines: [one] });
  await first.runtime.start(one, { id: 'w-1' });
  await settle();
  world.last('item 1').succeed('a');
  world.last('item 2').succeed('b');
  await settle();
  const database = first.database.reopen();
  await closeTestRuntime(first);
  const { runtime } = await openTestRuntime({ machines: [machineOf(after)], clock: first.clock, database });
  await settle();
  world.last('item 3').succeed('c');
  world.last('item 4').succeed('d');
  await settle();
  const handle = await runtime.get('w-1');
  expect(handle.getSnapshot().context).toMatchObject({ heard: [{ total: 4, succeeded: 4, results }] });
});

test('outputs of items that are machines stand in rows, and not in the journal of the fan-out', async () => {
  const large = setup({ types: { input: {} as number } }).createMachine({
    id: 'large',
    initial: 'a',
    states: { a: { type: 'final' } },
    output: () => 'x'.repeat(10_000),
  });
  const parent = parentOf(fanOut(large, { concurrency: 2, results: 'paged' }), numbers(20));
  const { runtime, database } = await openTestRuntime({ machines: [parent] });
  await runtime.start(parent, { id: 'w-1' });
  await settle();
  expect((await runtime.results('w-1:1:1')).items).toHaveLength(20);
  const store = await openStoreOn(database.reopen(), { location: 'memory', storeId: 'test' });
  const journal = await store.readJournal({ workflowId: 'w-1', run: 1, path: [1] }, 1, 1_000);
  expect(journal.length).toBeGreaterThan(20);
  expect(JSON.stringify(journal)).not.toContain('xxxx');
});
