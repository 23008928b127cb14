import { activity, fanOut } from 'perdure/authoring';
import type { FanOutOptions, FanOutOutput } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { callsIn, itemsOf, numbers, parentOf as restingParentOf } from '../support/fan-outs.ts';
import { errorOf, World } from '../support/world.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';

/** Ends with what it hears of its fan-out. */
const parentOf = (items: AnyActorLogic, inputs: unknown) => restingParentOf(items, inputs, { isFinal: true });

const paged: Pick<FanOutOptions, 'results'> = { results: 'paged' };

describe('a fan-out of an activity', () => {
  test('runs it for each item, so many at once and in their order, and gives their outputs in that order', async () => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { concurrency: 2 }), [1, 2, 3]);
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await settle();
    expect(callsIn(world)).toEqual(['item 1', 'item 2']);
    world.last('item 2').succeed('b');
    await settle();
    expect(callsIn(world)).toEqual(['item 1', 'item 2', 'item 3']);
    expect((await runtime.describe('w-1')).children).toMatchObject([
      { id: 'all', items: { address: 'w-1:1:1', total: 3, waiting: 0, underWay: 2, succeeded: 1, failed: 0, cancelled: 0 } },
    ]);
    world.last('item 3').succeed('c');
    world.last('item 1').succeed('a');
    expect(await handle.result()).toEqual({ total: 3, succeeded: 3, failed: 0, results: ['a', 'b', 'c'], address: 'w-1:1:1' });
  });

  test('of nothing is done at once', async () => {
    const parent = parentOf(itemsOf(new World(), { concurrency: 2 }), []);
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    expect(await handle.result()).toMatchObject({ total: 0, succeeded: 0, failed: 0, results: [] });
  });

  test('tries items again as their policy says, each with an idempotency key of its own that stays', async () => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { maximumAttempts: 2, concurrency: 5 }), [1, 2]);
    const { runtime, clock } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await settle();
    world.last('item 1').fail(errorOf('Busy', 'no'));
    world.last('item 2').succeed('b');
    await settle();
    await clock.pass(1_000);
    world.last('item 1').succeed('a');
    expect(await handle.result()).toMatchObject({ succeeded: 2, results: ['a', 'b'] });
    expect(world.calls.map(({ name, idempotencyKey, attempt }) => `${name} ${idempotencyKey} ${attempt}`)).toEqual([
      'item 1 w-1:1:1:1 1',
      'item 2 w-1:1:1:2 1',
      'item 1 w-1:1:1:1 2',
    ]);
  });

  test('is one step of its journal for all that end at a time, and its parent hears of its end alone', async () => {
    const item = activity<number, number>({ name: 'item', run: ({ input }) => input });
    const parent = parentOf(fanOut(item, { concurrency: 50, ...paged }), numbers(200));
    const { runtime, database } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await handle.result();
    const store = await openStoreOn(database.reopen(), { location: 'memory', storeId: 'test' });
    expect((await runtime.history('w-1')).map(({ kind }) => kind)).toEqual(['start', 'child-done']);
    const journal = await store.readJournal({ workflowId: 'w-1', run: 1, path: [1] }, 1, 1_000);
    expect(journal.map(({ envelope }) => envelope.kind === 'items' && envelope.count)).toEqual([false, 0, 50, 50, 50, 50]);
    expect(JSON.stringify(journal).length).toBeLessThan(5_000);
  });

  test('takes an array of inputs, and nothing else', async () => {
    const parent = parentOf(itemsOf(new World(), { concurrency: 2 }), 5);
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await handle.waitFor(({ value }) => value === 'failed');
    expect(String(handle.getSnapshot().context.heard.at(-1))).toContain('takes an array of inputs, one for each item; found 5');
  });
});

describe('items that fail', () => {
  async function run(options: Partial<FanOutOptions>, failing: readonly number[], count = 10) {
    const item = activity<number, number>({
      name: 'item',
      run: ({ input }) => {
        if (failing.includes(input)) throw errorOf('Refused', `not ${input}`);
        return input;
      },
      retry: { maximumAttempts: 1 },
    });
    const parent = parentOf(fanOut(item, { concurrency: 3, ...options }), numbers(count));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    const { value } = await handle.waitFor((snapshot) => snapshot.status === 'done' || snapshot.value === 'failed');
    return { value, heard: handle.getSnapshot().context.heard.at(-1), runtime };
  }

  test.each([
    ['as many as a count', { tolerate: { count: 2 } }, [4, 7]],
    ['as many as a share of all', { tolerate: { share: 0.3 } }, [1, 2, 3]],
    ['none', {}, []],
  ] as const)('are tolerated: %s', async (_, options, failing) => {
    const { heard } = await run(options, failing);
    expect(heard).toMatchObject({ total: 10, succeeded: 10 - failing.length, failed: failing.length });
    expect((heard as FanOutOutput<number>).results).toEqual(numbers(10).filter((n) => !(failing as readonly number[]).includes(n)));
  });

  test.each([
    ['one of none', {}, [4]],
    ['more than a count', { tolerate: { count: 1 } }, [2, 4]],
    ['more than a share', { tolerate: { share: 0.19 } }, [1, 2]],
  ] as const)('fail it if there are more than are tolerated: %s', async (_, options, failing) => {
    const { value, heard } = await run(options, failing);
    expect(value).toBe('failed');
    expect(heard).toMatchObject({ name: 'FanOutFailed', failed: failing.length, total: 10 });
    expect(String(heard)).toContain(`The first was item ${failing[0]}: Refused: not ${failing[0]}`);
  });

  test('are found with their input and cause', async () => {
    const { runtime } = await run({ tolerate: { count: 5 }, ...paged }, [4]);
    const { items } = await runtime.results('w-1:1:1');
    expect(items[3]).toMatchObject({
      item: 4,
      status: 'failed',
      input: 4,
      failure: { class: 'Refused', message: 'not 4', activity: 'item' },
    });
  });

  test('beyond tolerance let none begin, and abort what is under way', async () => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { concurrency: 3 }), numbers(9));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await settle();
    world.last('item 2').fail(errorOf('Refused', 'no'));
    await handle.waitFor(({ value }) => value === 'failed');
    await settle();
    expect(callsIn(world)).toEqual(['item 1', 'item 2', 'item 3']);
    expect(world.calls.map(({ signal }) => signal.aborted)).toEqual([true, false, true]);
    expect((await runtime.describe('w-1')).children).toMatchObject([
      { status: 'failed', items: { total: 9, waiting: 6, underWay: 0, succeeded: 0, failed: 1, cancelled: 2 } },
    ]);
  });

  test('beyond tolerance are waited for where that is wanted, and none begins', async () => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { concurrency: 3, onBreach: 'wait' }), numbers(9));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await settle();
    world.last('item 2').fail(errorOf('Refused', 'no'));
    await settle();
    expect(handle.getSnapshot().value).toBe('busy');
    world.last('item 1').succeed('a');
    world.last('item 3').fail(errorOf('Refused', 'no'));
    await handle.waitFor(({ value }) => value === 'failed');
    expect(callsIn(world)).toHaveLength(3);
    expect(handle.getSnapshot().context.heard.at(-1)).toMatchObject({ name: 'FanOutFailed', failed: 2, succeeded: 1 });
  });
});

describe('over a crash', () => {
  test('it goes on with what is left: nothing that ended is run again, nothing is forgotten', async () => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { maximumAttempts: 3, concurrency: 3 }), numbers(6));
    const first = await openTestRuntime({ machines: [parent] });
    await first.runtime.start(parent, { id: 'w-1' });
    await settle();
    world.last('item 2').succeed('2');
    await settle();
    expect(callsIn(world)).toEqual(['item 1', 'item 2', 'item 3', 'item 4']);
    const database = first.database.reopen();
    const { runtime } = await openTestRuntime({ machines: [parent], database });
    await until(() => world.calls.length === 7);
    // Those that ran are lost, and run once more.
    expect(callsIn(world).slice(4).sort()).toEqual(['item 1', 'item 3', 'item 4']);
    for (let next = 0; next < 6; next += 1) {
      for (const call of world.calls.slice(4)) call.succeed(call.name.slice(5));
      await settle();
    }
    const handle = await runtime.get('w-1');
    expect(await handle.result()).toMatchObject({ succeeded: 6, results: ['1', '2', '3', '4', '5', '6'] });
    expect(callsIn(world).slice(7)).toEqual(['item 5', 'item 6']);
    await closeTestRuntime(first);
  });
});

describe('whoever invoked it', () => {
  test.each([
    ['leaves the state', 'LEAVE'],
    ['is cancelled', undefined],
  ])('and %s has its items aborted, and none begins', async (_, event) => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { concurrency: 2 }), numbers(9));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    handle.result().catch(() => undefined);
    await settle();
    if (event === undefined) await runtime.cancel('w-1');
    else await handle.send({ type: event });
    await settle();
    expect(world.calls.map(({ name, signal }) => [name, signal.aborted])).toEqual([
      ['item 1', true],
      ['item 2', true],
    ]);
    expect((await runtime.describe('w-1')).children).toMatchObject([{ status: 'cancelled', items: { waiting: 7, cancelled: 2 } }]);
  });

  test('and paused its workflow has outcomes kept until it goes on', async () => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { concurrency: 2 }), numbers(3));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await settle();
    await runtime.pause('w-1');
    world.last('item 1').succeed('a');
    world.last('item 2').succeed('b');
    await settle();
    expect(world.calls).toHaveLength(2);
    await runtime.resume('w-1');
    await settle();
    world.last('item 3').succeed('c');
    expect(await handle.result()).toMatchObject({ results: ['a', 'b', 'c'] });
  });
});

describe('what its items did', () => {
  function booking(undone: string[]) {
    return activity<number, string>({
      name: 'book',
      run: ({ input }) => {
        if (input === 4) throw errorOf('Refused', 'full');
        return `booked ${input}`;
      },
      retry: { maximumAttempts: 1 },
      compensate: {
        run: ({ input, output, outcome, idempotencyKey }) => undone.push(`${idempotencyKey} ${input} ${String(output)} ${outcome}`),
      },
    });
  }

  test('is undone with its workflow, the newest first', async () => {
    const undone: string[] = [];
    const parent = parentOf(fanOut(booking(undone), { concurrency: 1 }), [1, 2, 3]);
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await handle.waitFor(({ value }) => value === 'done').catch(() => undefined);
    expect(undone).toEqual([]);
    const failing = setup({ actors: { items: fanOut(booking(undone), { concurrency: 1 }) } }).createMachine({
      id: 'failing',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'items', input: [1, 2, 3], onDone: 'failed' } }, failed: { type: 'final', tags: ['failed'] } },
    });
    const second = await openTestRuntime({ machines: [failing] });
    const ending = await second.runtime.start(failing, { id: 'w-2' });
    await expect(ending.result()).rejects.toThrow();
    expect(undone).toEqual([3, 2, 1].map((n) => `w-2:1:1:${n}:undo ${n} booked ${n} completed`));
    expect(await second.runtime.describe('w-2')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  test('is undone where too many failed, that of unknown outcome, too', async () => {
    const undone: string[] = [];
    const machine = setup({ actors: { items: fanOut(booking(undone), { concurrency: 1 }) } }).createMachine({
      id: 'failing',
      version: '1',
      initial: 'busy',
      states: {
        busy: { invoke: { src: 'items', input: [1, 2, 3, 4, 5], onDone: 'done', onError: 'failed' } },
        done: { type: 'final' },
        failed: { type: 'final', tags: ['failed'] },
      },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w-1' });
    await expect(handle.result()).rejects.toMatchObject({ details: { status: 'failed' } });
    expect(undone.map((line) => line.split(' ').slice(1).join(' '))).toEqual([
      '4 undefined unknown',
      '3 booked 3 completed',
      '2 booked 2 completed',
      '1 booked 1 completed',
    ]);
    expect(await runtime.describe('w-1')).toMatchObject({ compensation: 'done' });
  });
});

describe('a fan-out of a machine', () => {
  const half = activity<number, number>({ name: 'half', run: ({ input }) => input / 2 });
  const part = setup({ types: { input: {} as number, context: {} as { n: number } }, actors: { half } }).createMachine({
    id: 'part',
    context: ({ input }) => ({ n: input }),
    initial: 'first',
    states: {
      first: {
        invoke: {
          src: 'half',
          input: ({ context }) => context.n,
          onDone: [
            { guard: ({ event }) => event.output > 3, target: 'refused' },
            { target: 'second', actions: assign({ n: ({ event }) => event.output }) },
          ],
        },
      },
      second: {
        invoke: {
          src: 'half',
          input: ({ context }) => context.n,
          onDone: { target: 'end', actions: assign({ n: ({ event }) => event.output }) },
        },
      },
      end: { type: 'final' },
      refused: {
        entry: () => {
          throw errorOf('TooMuch', 'no');
        },
      },
    },
    output: ({ context }) => context.n,
  });

  test('runs one for each item, and hears of their ends', async () => {
    const parent = parentOf(fanOut(part, { concurrency: 2 }), [1, 2, 3, 4, 5]);
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    expect(await handle.result()).toMatchObject({ total: 5, succeeded: 5, results: [0.25, 0.5, 0.75, 1, 1.25] });
  });

  test('may be of machines that fan out themselves', async () => {
    const inner = setup({
      types: { input: {} as number, context: {} as { n: number; sum: number } },
      actors: { all: fanOut(half, { concurrency: 3 }) },
    }).createMachine({
      id: 'inner',
      context: ({ input }) => ({ n: input, sum: 0 }),
      initial: 'busy',
      states: {
        busy: {
          invoke: {
            src: 'all',
            input: ({ context }) => numbers(context.n),
            onDone: { target: 'end', actions: assign({ sum: ({ event }) => event.output.results.reduce((sum, each) => sum + each, 0) }) },
          },
        },
        end: { type: 'final' },
      },
      output: ({ context }) => context.sum,
    });
    const parent = parentOf(fanOut(inner, { concurrency: 2 }), [1, 2, 3, 4]);
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    expect(await handle.result()).toMatchObject({ results: [0.5, 1.5, 3, 5] });
  });
});

describe('results', () => {
  test('are paged, and the record of the parent does not grow with them', async () => {
    const item = activity<number, string>({ name: 'item', run: ({ input }) => `output ${input}` });
    const sizes: number[] = [];
    for (const count of [10, 1_000]) {
      const parent = parentOf(fanOut(item, { concurrency: 100, ...paged }), numbers(count));
      const { runtime, database } = await openTestRuntime({ machines: [parent] });
      const handle = await runtime.start(parent, { id: 'w-1' });
      const output = (await handle.result()) as FanOutOutput<string>;
      expect(output).toEqual({ total: count, succeeded: count, failed: 0, results: [], address: 'w-1:1:1' });
      const found: unknown[] = [];
      let cursor: string | undefined;
      do {
        const page = await runtime.results(output.address!, { limit: 300, ...(cursor === undefined ? {} : { cursor }) });
        found.push(...page.items);
        cursor = page.next;
      } while (cursor !== undefined);
      expect(found).toEqual(numbers(count).map((n) => ({ item: n, status: 'completed', output: `output ${n}` })));
      const store = await openStoreOn(database.reopen(), { location: 'memory', storeId: 'test' });
      sizes.push(JSON.stringify((await store.readTree({ workflowId: 'w-1', run: 1, path: [] }))?.root).length);
    }
    expect(Math.abs(sizes[0]! - sizes[1]!)).toBeLessThan(1_024);
  });

  test('inline are refused before anything runs where they would be too many', async () => {
    const world = new World();
    const parent = parentOf(itemsOf(world, { concurrency: 2 }), numbers(limits.inlineResultsMax + 1));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await handle.waitFor(({ value }) => value === 'failed');
    expect(handle.getSnapshot().context.heard.at(-1)).toMatchObject({ name: 'FanOutTooLarge' });
    expect(String(handle.getSnapshot().context.heard.at(-1))).toContain("Have them paged, fanOut(child, { results: 'paged' })");
    expect(world.calls).toEqual([]);
  });

  test('inline that are too large together are a failure, which says what to do', async () => {
    const item = activity<number, string>({ name: 'item', run: () => 'x'.repeat(300_000) });
    const parent = parentOf(fanOut(item, { concurrency: 2 }), numbers(5));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await handle.waitFor(({ value }) => value === 'failed');
    expect(handle.getSnapshot().context.heard.at(-1)).toMatchObject({ name: 'FanOutTooLarge' });
  });

  test.each([
    [5, {}, 'results: give the address of a fan-out'],
    ['w-1', {}, 'results: give the address of a fan-out'],
    ['w-1:1:1', { limit: 0 }, 'results: limit must be a whole number from 1 to 1000; found 0'],
    ['w-1:1:1', { cursor: 'x' }, 'is no cursor'],
    ['w-9:1:1', {}, 'w-9'],
  ])('of %j with %j are refused', async (address, options, message) => {
    const { runtime } = await openTestRuntime({ machines: [parentOf(itemsOf(new World(), { concurrency: 1 }), [])] });
    await expect(runtime.results(address as string, options)).rejects.toThrow(message);
  });
});
