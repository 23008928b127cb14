import { activity, fanOut } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import type { AnyActorLogic } from 'xstate';
import { numbers, parentOf } from '../support/fan-outs.ts';
import { settle, until } from './manual-clock.ts';
import { errorOf, World } from '../support/world.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';

/** Items that are done at once; their undos end as the test says. */
function bookingIn(world: World) {
  return activity<number, string>({
    name: 'book',
    run: ({ input }) => `booked ${input}`,
    retry: { maximumAttempts: 1 },
    compensate: {
      run: (scope) => world.call<void>(`undo ${scope.input}`, scope),
      retry: { maximumAttempts: 2, initialInterval: '1s', jitter: 'none' },
    },
  });
}

/** Fails once its fan-out is over. */
function failingAfter(items: AnyActorLogic, inputs: readonly unknown[]) {
  return setup({ actors: { items } }).createMachine({
    id: 'failing',
    version: '1',
    initial: 'busy',
    states: {
      busy: { invoke: { src: 'items', id: 'all', input: inputs, onDone: 'failed', onError: 'failed' } },
      failed: { type: 'final', tags: ['failed'] },
    },
  });
}

/** The names of calls that have not ended. */
class Undos {
  readonly #world: World;
  readonly #ended = new Set<number>();
  /** How many there were at once at most. */
  most = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get open(): string[] {
    return this.#open().map(({ name }) => name);
  }

  /** Lets all that are under way succeed, again and again, until there is none. */
  async endAll(): Promise<void> {
    for (;;) {
      const open = this.#open();
      if (open.length === 0) return;
      this.most = Math.max(this.most, open.length);
      for (const call of open) this.end(call.name);
      await settle();
    }
  }

  end(name: string): void {
    const index = this.#world.calls.findLastIndex((call) => call.name === name);
    this.#ended.add(index);
    this.#world.calls[index]?.succeed(undefined);
  }

  fail(name: string): void {
    const index = this.#world.calls.findLastIndex((call) => call.name === name);
    this.#ended.add(index);
    this.#world.calls[index]?.fail(errorOf('Down', 'no answer'));
  }

  #open() {
    return this.#world.calls.filter((_, index) => !this.#ended.has(index));
  }
}

const paged = { results: 'paged' } as const;

describe('what items did is undone', () => {
  test('so many at once as items may run, the newest first, and nothing older before that', async () => {
    const world = new World();
    const machine = setup({
      actors: { before: activity<number, void>({ ...stepBefore(world) }), items: fanOut(bookingIn(world), { concurrency: 3 }) },
    }).createMachine({
      id: 'failing',
      version: '1',
      initial: 'first',
      states: {
        first: { invoke: { src: 'before', input: 0, onDone: 'busy' } },
        busy: { invoke: { src: 'items', input: numbers(5), onDone: 'failed' } },
        failed: { type: 'final', tags: ['failed'] },
      },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w-1' });
    const ended = expect(handle.result()).rejects.toMatchObject({ details: { status: 'failed' } });
    const undos = new Undos(world);
    await until(() => undos.open.length === 3);
    expect(undos.open).toEqual(['undo 5', 'undo 4', 'undo 3']);
    undos.end('undo 4');
    await settle();
    expect(undos.open).toEqual(['undo 5', 'undo 3', 'undo 2']);
    undos.end('undo 5');
    undos.end('undo 3');
    await settle();
    expect(undos.open).toEqual(['undo 2', 'undo 1']);
    undos.end('undo 1');
    await settle();
    // The step before the fan-out waits for all of it.
    expect(undos.open).toEqual(['undo 2']);
    undos.end('undo 2');
    await until(() => undos.open.includes('undo before'));
    undos.end('undo before');
    await ended;
    expect(await runtime.describe('w-1')).toMatchObject({ status: 'failed', compensation: 'done' });
    const entries = (await runtime.describe('w-1')).ledger;
    expect(entries.map(({ undo }) => undo)).toEqual(entries.map(() => 'undone'));
  });

  test('however many they are, each once, over a crash in the middle, and the journal of the workflow does not grow with them', async () => {
    const world = new World();
    const count = 3 * limits.undosAwakeMax;
    const machine = failingAfter(fanOut(bookingIn(world), { concurrency: 50, ...paged }), numbers(count));
    const first = await openTestRuntime({ machines: [machine] });
    await first.runtime.start(machine, { id: 'w-1' });
    const before = new Undos(world);
    await until(() => before.open.length === 50);
    expect(before.open[0]).toBe(`undo ${count}`);
    for (let rounds = 0; rounds < 8; rounds += 1) {
      for (const name of before.open) before.end(name);
      await until(() => before.open.length === 50);
    }
    const database = first.database.reopen();
    await closeTestRuntime(first);
    const done = 8 * 50;
    world.calls.length = 0;
    const { runtime } = await openTestRuntime({ machines: [machine], database });
    const after = new Undos(world);
    await until(() => after.open.length === 50);
    // Those that were under way are run again, and none that was over.
    expect([...after.open].sort()).toEqual(
      numbers(50)
        .map((n) => `undo ${count - done - n + 1}`)
        .sort(),
    );
    await after.endAll();
    const handle = await runtime.get('w-1');
    await expect(handle.result()).rejects.toMatchObject({ details: { status: 'failed' } });
    expect(after.most).toBe(50);
    expect(world.calls).toHaveLength(count - done);
    expect(new Set(world.calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(count - done);
    const found = await runtime.describe('w-1');
    expect(found).toMatchObject({ compensation: 'done' });
    expect(found.ledger.length).toBeLessThan(limits.undosAwakeMax + 2);
    expect((await runtime.history('w-1')).length).toBeLessThan(40);
  });

  test('and what cannot be is deferred, each on its own, to be retried by a person', async () => {
    const world = new World();
    const machine = failingAfter(fanOut(bookingIn(world), { concurrency: 2 }), numbers(4));
    const { runtime, clock } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w-1' });
    const ended = expect(handle.result()).rejects.toThrow();
    const undos = new Undos(world);
    await until(() => undos.open.length === 2);
    for (const attempts of [1, 2]) {
      undos.fail('undo 3');
      await settle();
      if (attempts === 1) clock.advance(1_000);
      await settle();
    }
    await undos.endAll();
    await ended;
    expect(await runtime.describe('w-1')).toMatchObject({ status: 'failed', compensation: 'deferred' });
    const [item] = (await runtime.queue.list()).items;
    expect(item).toMatchObject({ kind: 'deferred', name: 'book' });
    await runtime.queue.retry(String(item?.id), { input: 33 });
    await until(() => undos.open.length === 1);
    expect(undos.open).toEqual(['undo 33']);
    undos.end('undo 33');
    await settle();
    expect(await runtime.describe('w-1')).toMatchObject({ compensation: 'done' });
    expect((await runtime.queue.list()).items).toEqual([]);
  });

  test('within the time that there is: what is left is deferred, and what runs is aborted', async () => {
    const world = new World();
    const machine = failingAfter(fanOut(bookingIn(world), { concurrency: 2 }), numbers(5));
    const { runtime, clock } = await openTestRuntime({ machines: [machine], compensationBudgetMs: 5_000 });
    const handle = await runtime.start(machine, { id: 'w-1' });
    const ended = expect(handle.result()).rejects.toThrow();
    const undos = new Undos(world);
    await until(() => undos.open.length === 2);
    undos.end('undo 5');
    await settle();
    clock.advance(5_000);
    await ended;
    expect(world.calls.map(({ name }) => name)).toEqual(['undo 5', 'undo 4', 'undo 3']);
    expect(world.calls.map(({ signal }) => signal.aborted)).toEqual([false, true, true]);
    const found = await runtime.describe('w-1');
    expect(found).toMatchObject({ compensation: 'deferred' });
    expect(found.queue).toHaveLength(4);
  });

  test('until the workflow is terminated: then none begins, and none is owed', async () => {
    const world = new World();
    const count = 2 * limits.undosAwakeMax;
    const machine = failingAfter(fanOut(bookingIn(world), { concurrency: 2, ...paged }), numbers(count));
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w-1' });
    const ended = expect(handle.result()).rejects.toThrow();
    const undos = new Undos(world);
    await until(() => undos.open.length === 2);
    undos.end(`undo ${count}`);
    await settle();
    await runtime.terminate('w-1');
    await ended;
    await settle();
    expect(world.calls).toHaveLength(3);
    const { ledger } = await runtime.describe('w-1');
    expect(ledger.filter(({ kind, undo }) => kind === 'activity' && undo !== 'abandoned')).toEqual([]);
    expect(ledger).toHaveLength(count);
  });

  test('of machines, too, so many at once as there may be items', async () => {
    const world = new World();
    const part = setup({ types: { input: {} as number, context: {} as { n: number } }, actors: { book: bookingIn(world) } }).createMachine({
      id: 'part',
      context: ({ input }) => ({ n: input }),
      initial: 'busy',
      states: { busy: { invoke: { src: 'book', input: ({ context }) => context.n, onDone: 'end' } }, end: { type: 'final' } },
    });
    const machine = failingAfter(fanOut(part, { concurrency: 3 }), numbers(7));
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w-1' });
    const ended = expect(handle.result()).rejects.toThrow();
    const undos = new Undos(world);
    await until(() => undos.open.length === 3);
    await undos.endAll();
    await ended;
    expect(undos.most).toBe(3);
    expect(world.calls.map(({ name }) => name).sort()).toEqual(numbers(7).map((n) => `undo ${n}`));
    expect(await runtime.describe('w-1')).toMatchObject({ compensation: 'done' });
  });
});

describe('a fan-out with undos', () => {
  test('learns of the late outcome of an item whose undo rests', async () => {
    const world = new World();
    const seen: unknown[] = [];
    let late: ((output: string) => void) | undefined;
    const book = activity<number, string>({
      name: 'book',
      run: ({ input }) => (input === 1 ? new Promise<string>((resolve) => (late = resolve)) : `booked ${input}`),
      startToCloseTimeout: '1s',
      retry: { maximumAttempts: 1 },
      compensate: { run: ({ input, output, outcome }) => void seen.push([input, output, outcome]) },
    });
    const go = setup({ actors: { items: fanOut(book, { concurrency: 1, tolerate: { count: 1 }, ...paged }) } }).createMachine({
      id: 'waiting',
      version: '1',
      initial: 'busy',
      states: {
        busy: { invoke: { src: 'items', input: numbers(2 * limits.undosAwakeMax), onDone: 'waiting' } },
        waiting: { on: { FAIL: 'failed' } },
        failed: { type: 'final', tags: ['failed'] },
      },
    });
    const { runtime, clock } = await openTestRuntime({ machines: [go] });
    const handle = await runtime.start(go, { id: 'w-1' });
    const ended = expect(handle.result()).rejects.toThrow();
    await settle();
    clock.advance(1_000);
    await handle.waitFor(({ value }) => value === 'waiting');
    late?.('late');
    await settle();
    await handle.send({ type: 'FAIL' });
    await ended;
    // Heard of last, it is the newest.
    expect(seen[0]).toEqual([1, 'late', 'completed']);
    expect(seen).toHaveLength(2 * limits.undosAwakeMax);
    expect(world.calls).toEqual([]);
  });

  test('is refused more items than can be undone, before anything runs', async () => {
    const world = new World();
    const parent = parentOf(fanOut(bookingIn(world), { concurrency: 2, ...paged }), numbers(limits.undoableItemsMax + 1));
    const { runtime } = await openTestRuntime({ machines: [parent] });
    const handle = await runtime.start(parent, { id: 'w-1' });
    await handle.waitFor(({ value }) => value === 'failed');
    const [error] = handle.getSnapshot().context.heard;
    expect(error).toMatchObject({ name: 'FanOutTooLarge' });
    expect(String(error)).toContain('Divide them between fan-outs');
    expect((await runtime.describe('w-1')).ledger).toEqual([]);
  });
});

function stepBefore(world: World) {
  return {
    name: 'before',
    run: () => undefined,
    compensate: { run: (scope: Parameters<World['call']>[1]) => world.call<void>('undo before', scope) },
  };
}
