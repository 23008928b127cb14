import { activity, fanOut } from 'perdure/authoring';
import type { FanOutOptions, FanOutOutput, SourcePage, SourceQuestion } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import type { AnyActorLogic } from 'xstate';
import { createActor, toPromise } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import { callsIn, numbers, parentOf as restingParentOf } from '../support/fan-outs.ts';
import { errorNamed } from '../kernel/workflows.ts';
import { World } from '../support/world.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

interface Range {
  readonly to: number;
  readonly pageSize: number;
}

/** Numbers up to one, a page at a time; keeps what it was asked. */
function counting(asked: (number | null)[]) {
  return activity<SourceQuestion<Range, number>, SourcePage<number, number>>({
    name: 'numbers',
    run: ({ input: { input, cursor } }) => {
      asked.push(cursor);
      const first = cursor ?? 0;
      const last = Math.min(first + input.pageSize, input.to);
      return { items: numbers(input.to).slice(first, last), ...(last < input.to ? { next: last } : {}) };
    },
  });
}

const doubling = activity<number, number>({ name: 'double', run: ({ input }) => input * 2, retry: { maximumAttempts: 1 } });

const parentOf = (items: AnyActorLogic, input: unknown) => restingParentOf(items, input, { isFinal: true });

async function heardOf(items: AnyActorLogic, input: unknown): Promise<unknown> {
  const parent = parentOf(items, input);
  const { runtime, clock } = await openTestRuntime({ machines: [parent] });
  const handle = await runtime.start(parent, { id: 'w-1' });
  const ended = handle.waitFor(({ value }) => value !== 'busy');
  await clock.pass(60_000);
  await ended;
  return handle.getSnapshot().context.heard.at(-1);
}

describe('a fan-out with a source', () => {
  test('reads page after page, and runs every item once, in their order', async () => {
    const asked: (number | null)[] = [];
    const items = fanOut(doubling, { concurrency: 4, source: counting(asked) });
    expect(await heardOf(items, { to: 25, pageSize: 10 })).toMatchObject({
      ...{ total: 25, succeeded: 25, failed: 0 },
      results: numbers(25).map((n) => n * 2),
    });
    expect(asked).toEqual([null, 10, 20]);
  });

  test.each([
    [{ to: 0, pageSize: 5 }, 0],
    [{ to: 5, pageSize: 5 }, 5],
    [{ to: 6, pageSize: 5 }, 6],
  ])('of %j comes to %i items', async (range, total) => {
    expect(await heardOf(fanOut(doubling, { concurrency: 3, source: counting([]) }), range)).toMatchObject({ total, succeeded: total });
  });

  test('goes on behind pages without any item', async () => {
    const sparse = activity<SourceQuestion<null, number>, SourcePage<number, number>>({
      name: 'sparse',
      run: ({ input: { cursor } }) => {
        const at = cursor ?? 0;
        return { items: at % 2 === 0 ? [] : [at], next: at === 5 ? undefined : at + 1 };
      },
    });
    expect(await heardOf(fanOut(doubling, { concurrency: 2, source: sparse }), null)).toMatchObject({ total: 3, results: [2, 6, 10] });
  });

  test('reads no further than it has to, and says how far it is', async () => {
    const world = new World();
    const asked: (number | null)[] = [];
    const item = activity<number, string>({ name: 'item', run: (scope) => world.call(`item ${scope.input}`, scope) });
    const parent = parentOf(fanOut(item, { concurrency: 2, source: counting(asked), results: 'paged' }), { to: 100, pageSize: 5 });
    const { runtime } = await openTestRuntime({ machines: [parent] });
    await runtime.start(parent, { id: 'w-1' });
    await settle();
    expect(callsIn(world)).toEqual(['item 1', 'item 2']);
    expect(asked).toEqual([null]);
    const { children } = await runtime.describe('w-1');
    expect(children).toMatchObject([{ items: { total: 5, waiting: 3, underWay: 2, isTotalKnown: false } }]);
    world.last('item 1').succeed('a');
    world.last('item 2').succeed('b');
    await settle();
    expect(asked).toEqual([null, 5]);
  });

  test('is tried again as the policy of the source says', async () => {
    let attempts = 0;
    const flaky = activity<SourceQuestion<null, number>, SourcePage<number, number>>({
      name: 'flaky',
      retry: { maximumAttempts: 3, initialInterval: '1s' },
      run: () => {
        attempts += 1;
        if (attempts < 3) throw errorNamed('Busy', 'later');
        return { items: [7] };
      },
    });
    expect(await heardOf(fanOut(doubling, { concurrency: 2, source: flaky }), null)).toMatchObject({ total: 1, results: [14] });
    expect(attempts).toBe(3);
  });

  test('fails as its source does, and aborts what is under way', async () => {
    const world = new World();
    const item = activity<number, string>({ name: 'item', run: (scope) => world.call(`item ${scope.input}`, scope) });
    const broken = activity<SourceQuestion<null, number>, SourcePage<number, number>>({
      name: 'broken',
      retry: { maximumAttempts: 1 },
      run: ({ input: { cursor } }) => {
        if (cursor !== null) throw errorNamed('Gone', 'no more of it');
        return { items: [1], next: 1 };
      },
    });
    const parent = parentOf(fanOut(item, { concurrency: 2, source: broken }), null);
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await handle.waitFor(({ value }) => value === 'failed');
    await settle();
    expect(handle.getSnapshot().context.heard.at(-1)).toMatchObject({ name: 'Gone', message: 'no more of it' });
    for (const { signal } of world.calls) expect(signal.aborted).toBe(true);
  });

  test.each([[{ items: 'many' }], [undefined], [{ next: 5 }]])('says what is wrong with %j', async (page) => {
    const wrong = activity<SourceQuestion<null, number>, SourcePage<number, number>>({ name: 'wrong', run: () => page as never });
    const heard = await heardOf(fanOut(doubling, { concurrency: 2, source: wrong }), null);
    expect(heard).toMatchObject({ name: 'FanOutSourceInvalid' });
    expect(String(heard)).toContain('{ items, next }');
  });

  const refusing = activity<number, number>({
    name: 'refusing',
    retry: { maximumAttempts: 1 },
    run: ({ input }) => {
      if (input <= 3) throw errorNamed('Refused', `not ${input}`);
      return input;
    },
  });

  test.each<[NonNullable<FanOutOptions['tolerate']>, object, number]>([
    [{ count: 2 }, { name: 'FanOutFailed', failed: 3 }, 2],
    [{ count: 3 }, { failed: 3, succeeded: 17 }, 4],
    // All are read first: three of the first five are no 20 % of all.
    [{ share: 0.15 }, { failed: 3, succeeded: 17 }, 4],
    [{ share: 0.14 }, { name: 'FanOutFailed', failed: 3, total: 20 }, 4],
  ])('tolerates %j', async (tolerate, expected, pages) => {
    const asked: (number | null)[] = [];
    const items = fanOut(refusing, { concurrency: 3, tolerate, source: counting(asked) });
    expect(await heardOf(items, { to: 20, pageSize: 5 })).toMatchObject(expected);
    expect(asked.length).toBe(pages);
  });

  test('is refused inline results as soon as it has read too many items', async () => {
    const items = fanOut(doubling, { concurrency: 10, source: counting([]) });
    const heard = await heardOf(items, { to: limits.inlineResultsMax + 1, pageSize: 600 });
    expect(heard).toMatchObject({ name: 'FanOutTooLarge' });
  });

  test('goes on where it was in the next process: no page that was recorded is read again, no item is run again', async () => {
    const world = new World();
    const asked: (number | null)[] = [];
    const item = activity<number, string>({ name: 'item', run: (scope) => world.call(`item ${scope.input}`, scope) });
    const parent = parentOf(fanOut(item, { concurrency: 3, source: counting(asked), results: 'paged' }), { to: 8, pageSize: 4 });
    const first = await openTestRuntime({ machines: [parent] });
    await first.runtime.start(parent, { id: 'w-1' });
    await settle();
    for (const n of [1, 2]) world.last(`item ${n}`).succeed(`${n}`);
    await settle();
    expect(asked).toEqual([null, 4]);
    await closeTestRuntime(first);
    const { clock, database } = first;
    const { runtime } = await openTestRuntime({ machines: [parent], clock, database: database.reopen() });
    await settle();
    for (const n of [3, 4, 5]) world.last(`item ${n}`).succeed(`${n}`);
    await settle();
    for (const n of [6, 7, 8]) world.last(`item ${n}`).succeed(`${n}`);
    const output = (await (await runtime.get('w-1')).result()) as FanOutOutput<string>;
    expect(output).toMatchObject({ total: 8, succeeded: 8 });
    expect(asked).toEqual([null, 4]);
    expect(callsIn(world).filter((name) => name === 'item 1')).toHaveLength(1);
    const { items } = await runtime.results(output.address ?? '');
    expect(items.map(({ item: n, output: of }) => [n, of])).toEqual(numbers(8).map((n) => [n, `${n}`]));
  });

  test('keeps no page in its journal, and none on disk once its items have begun', async () => {
    const parent = parentOf(fanOut(doubling, { concurrency: 50, source: counting([]), results: 'paged' }), { to: 2_000, pageSize: 500 });
    const { runtime, database } = await openTestRuntime({ machines: [parent] });
    await (await runtime.start(parent, { id: 'w-1' })).result();
    const pages = await database.keys({ from: Uint8Array.of('6'.charCodeAt(0)), to: Uint8Array.of('7'.charCodeAt(0)) });
    expect(pages).toEqual([]);
    const rows = await database.entries({ from: Uint8Array.of('j'.charCodeAt(0)), to: Uint8Array.of('k'.charCodeAt(0)) });
    expect(Math.max(...rows.map(({ value }) => value.length))).toBeLessThan(2_000);
  });
});

describe('a source', () => {
  test('is an activity, with code', async () => {
    expect(() => fanOut(doubling, { concurrency: 1, source: 5 as never })).toThrow(
      'source must be an activity that returns { items, next }; found 5',
    );
    expect(() => fanOut(doubling, 5 as never)).toThrow('fanOut: give');
    const undone = activity<SourceQuestion<null, number>, SourcePage<number, number>>({ name: 'undone', compensate: {} });
    expect(() => fanOut(doubling, { concurrency: 1, source: undone })).toThrow('source only reads');
    const declared = activity<SourceQuestion<null, number>, SourcePage<number, number>>({ name: 'declared' });
    const parent = parentOf(fanOut(doubling, { concurrency: 1, source: declared }), null);
    await expect(openTestRuntime({ machines: [parent] })).rejects.toMatchObject({ code: 'IMPLEMENTATION_MISSING' });
  });

  test('is read by a plain actor, too', async () => {
    const asked: (number | null)[] = [];
    const actor = createActor(fanOut(doubling, { concurrency: 4, source: counting(asked) }), { input: { to: 9, pageSize: 4 } });
    const output = toPromise(actor);
    actor.start();
    expect(await output).toEqual({ total: 9, succeeded: 9, failed: 0, results: numbers(9).map((n) => 2 * n) });
    expect(asked).toEqual([null, 4, 8]);
  });

  test('that returns no page makes a plain actor fail', async () => {
    const wrong = activity<SourceQuestion<null, number>, SourcePage<number, number>>({ name: 'wrong', run: () => 5 as never });
    const actor = createActor(fanOut(doubling, { concurrency: 4, source: wrong }), { input: null });
    const output = toPromise(actor);
    actor.subscribe({ error: () => undefined });
    actor.start();
    await expect(output).rejects.toMatchObject({ name: 'FanOutSourceInvalid' });
  });

  test('that fails makes a plain actor fail', async () => {
    const broken = activity<SourceQuestion<null, number>, SourcePage<number, number>>({
      name: 'broken',
      retry: { maximumAttempts: 1 },
      run: () => {
        throw errorNamed('Gone', 'no more of it');
      },
    });
    const actor = createActor(fanOut(doubling, { concurrency: 4, source: broken }), { input: null });
    const output = toPromise(actor);
    actor.subscribe({ error: () => undefined });
    actor.start();
    await expect(output).rejects.toMatchObject({ name: 'Gone' });
  });
});
