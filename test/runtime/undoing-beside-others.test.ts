/** Undoing while other parts of the chart go on, and what late attempts, people and a shutdown add to that. */
import { describe, expect, test } from 'vitest';
import type { ActivityOptions } from 'perdure/authoring';
import { activity, compensation } from 'perdure/authoring';
import { assign, setup, spawnChild } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import { trip } from '../support/sagas.ts';
import { errorOf, World } from '../support/world.ts';
import type { TestRuntimeOptions } from './local-runtime.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

type More = Partial<ActivityOptions<unknown, string>>;

function step(world: World, name: string, more: More = {}) {
  return activity<unknown, string>({
    name,
    run: (scope) => world.call(name, scope),
    retry: { maximumAttempts: 5, initialInterval: '1m', jitter: 'none' },
    startToCloseTimeout: '1h',
    compensate: {
      run: ({ input, output, outcome, error, ...scope }) =>
        world.call(`undo ${name}`, { input: { input, output, outcome, error }, ...scope }),
      retry: { maximumAttempts: 1 },
    },
    ...more,
  });
}

/** One region books and undoes; what the other one does goes on beside it, and hears what becomes of it. */
function beside(world: World, more: More = {}) {
  const actors = {
    hotel: step(world, 'hotel'),
    guide: step(world, 'guide', more),
    post: activity<unknown, string>({ run: (scope) => world.call('post', scope) }),
    compensation,
  };
  return setup({ types: { context: {} as { readonly why: string } }, actors }).createMachine({
    id: 'beside',
    version: '1',
    context: { why: '' },
    type: 'parallel',
    states: {
      main: {
        initial: 'hotel',
        states: {
          hotel: { invoke: { src: 'hotel', onDone: 'open' } },
          open: { on: { UNDO: 'undoing' } },
          undoing: { invoke: { src: 'compensation', onDone: 'done' } },
          done: {},
        },
      },
      side: {
        initial: 'guiding',
        states: {
          guiding: {
            invoke: { src: 'guide', onError: { target: 'left', actions: assign({ why: ({ event }) => (event.error as Error).name }) } },
          },
          left: {},
        },
      },
      mail: { initial: 'posting', states: { posting: { invoke: { src: 'post', onDone: 'posted' } }, posted: {} } },
    },
  });
}

function undos(world: World): string[] {
  return world.calls.map(({ name }) => name).filter((name) => name.startsWith('undo '));
}

async function succeed(world: World, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    world.last(name).succeed(`${name} done`);
    await settle();
  }
}

async function fail(world: World, name: string, error: unknown = errorOf('Refused', 'no')): Promise<void> {
  world.last(name).fail(error);
  await settle();
}

async function started(machine: Parameters<typeof openTestRuntime>[0]['machines'][number], options: Partial<TestRuntimeOptions> = {}) {
  const opened = await openTestRuntime({ machines: [machine], ...options });
  await opened.runtime.start(machine, { id: 'w', input: undefined });
  await settle();
  const send = async (type: string): Promise<void> => {
    await opened.runtime.send('w', { type });
    await settle();
  };
  return { ...opened, send };
}

describe('what another region does when undoing begins', () => {
  test('is aborted, not tried again, and undone first', async () => {
    const world = new World();
    const { runtime, send } = await started(beside(world));
    await succeed(world, 'hotel');
    await send('UNDO');
    expect(world.last('guide').signal.reason).toBe('compensation');
    expect(world.callsOf('guide')).toHaveLength(1);
    expect(undos(world)).toEqual(['undo guide']);
    expect(world.last('undo guide').input).toMatchObject({ outcome: 'unknown' });
    await succeed(world, 'undo guide', 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ value: { main: 'done', side: 'left' }, compensation: 'done' });
  });

  test.each<readonly [string, unknown, string]>([
    ['an error', errorOf('Full', 'no guide'), 'Full'],
    ['a text', 'no guide', 'Error'],
  ])('and waits for its next attempt, fails at once with its last error (%s)', async (_, error, name) => {
    const world = new World();
    const { runtime, send } = await started(beside(world));
    await succeed(world, 'hotel');
    await fail(world, 'guide', error);
    await send('UNDO');
    expect(await runtime.describe('w')).toMatchObject({ context: { why: name }, activities: [{ name: 'beside.post' }] });
    expect(undos(world)).toEqual(['undo guide']);
  });

  test('and handed over is not waited for', async () => {
    const world = new World();
    const { runtime, send } = await started(beside(world, { run: async ({ completeLater }) => completeLater(() => undefined) }));
    await succeed(world, 'hotel');
    await send('UNDO');
    expect(await runtime.describe('w')).toMatchObject({ context: { why: 'CompensationStarted' } });
    expect(undos(world)).toEqual(['undo guide']);
  });

  test('and does not end is of unknown outcome after a while; steps without an undo go on as ever', async () => {
    const world = new World();
    world.isStubborn = true;
    const { runtime, clock, send } = await started(beside(world));
    await succeed(world, 'hotel');
    await send('UNDO');
    await fail(world, 'post');
    expect(undos(world)).toEqual([]);
    await clock.pass(limits.settleMs);
    await settle();
    expect(await runtime.describe('w')).toMatchObject({ context: { why: 'CompensationStarted' }, activities: [{ name: 'beside.post' }] });
    expect(world.callsOf('post').length).toBeGreaterThan(1);
    expect(undos(world)).toEqual(['undo guide']);
  });

  test('and was given back by a shutdown does not begin again', async () => {
    const world = new World();
    world.isStubborn = true;
    const machine = beside(world);
    const first = await started(machine);
    await succeed(world, 'hotel');
    await first.send('UNDO');
    await closeTestRuntime(first);
    const { runtime, clock } = await openTestRuntime({ machines: [machine], database: first.database.reopen() });
    await settle();
    expect(world.callsOf('guide')).toHaveLength(1);
    await clock.pass(limits.settleMs);
    await settle();
    expect(undos(world)).toEqual(['undo guide']);
    await succeed(world, 'undo guide', 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ compensation: 'done' });
  });
});

/** Two at once, and then one; leaving ends it badly. */
function crew(world: World, more: More = {}) {
  const actors = { left: step(world, 'left', more), right: step(world, 'right', more) };
  return setup({ actors }).createMachine({
    id: 'crew',
    version: '1',
    type: 'parallel',
    states: {
      left: { initial: 'doing', states: { doing: { invoke: { src: 'left', onDone: 'done' } }, done: {} } },
      right: { initial: 'doing', states: { doing: { invoke: { src: 'right', onDone: 'done' } }, done: {} } },
    },
  });
}

describe('a step that is left', () => {
  test('before it found a place has done nothing', async () => {
    const world = new World();
    const { runtime } = await started(crew(world), { maxConcurrentAttempts: 1 });
    expect((await runtime.describe('w')).ledger.map(({ name }) => name)).toEqual(['left', 'right']);
    await runtime.cancel('w');
    await settle();
    expect((await runtime.describe('w')).ledger.map(({ name }) => name)).toEqual(['left']);
  });

  test('between two attempts may have taken effect; of those left at once the one that began last is undone first', async () => {
    const world = new World();
    const { runtime } = await started(crew(world));
    await fail(world, 'left', 'a text');
    await fail(world, 'right');
    await runtime.cancel('w');
    await settle();
    expect(undos(world)).toEqual(['undo right']);
    await succeed(world, 'undo right');
    expect(world.last('undo left').input).toMatchObject({ outcome: 'unknown', error: { name: 'Error', message: 'a text' } });
  });

  test('while somebody outside has it is not waited for', async () => {
    const world = new World();
    const { runtime } = await started(crew(world, { run: async ({ completeLater }) => completeLater(() => undefined) }));
    await runtime.cancel('w');
    await settle();
    expect(undos(world)).toEqual(['undo right']);
    expect(world.last('undo right').input).toMatchObject({ outcome: 'unknown', error: undefined });
  });

  test('after an earlier attempt of it completed is known to have taken effect, when the later one is over', async () => {
    const world = new World();
    world.isStubborn = true;
    const { runtime, clock } = await started(crew(world, { startToCloseTimeout: '1m' }));
    await clock.pass(60_000);
    await clock.pass(60_000);
    expect(world.callsOf('left')).toHaveLength(2);
    await runtime.cancel('w');
    await settle();
    world.callsOf('left')[0]?.succeed('the first');
    await settle();
    expect(undos(world)).toEqual([]);
    await fail(world, 'right');
    await fail(world, 'left');
    await succeed(world, 'undo left');
    expect(world.last('undo left').input).toMatchObject({ outcome: 'completed', output: 'the first' });
  });

  test('has one outcome, whatever comes later', async () => {
    const world = new World();
    world.isStubborn = true;
    const { runtime, clock } = await started(crew(world, { startToCloseTimeout: '1m' }));
    await clock.pass(60_000);
    await clock.pass(60_000);
    await succeed(world, 'left');
    world.callsOf('left')[0]?.succeed('the first, late');
    await settle();
    const [left] = (await runtime.describe('w')).ledger;
    expect(left).toMatchObject({ name: 'left', outcome: 'completed', output: 'left done' });
  });
});

describe('what a person has to do', () => {
  async function deferred() {
    const world = new World();
    const machine = trip(world);
    const opened = await started(machine);
    await succeed(world, 'hotel');
    await fail(world, 'flight');
    await fail(world, 'undo flight');
    await succeed(world, 'undo hotel');
    const [item] = (await opened.runtime.queue.list()).items;
    return { world, ...opened, item: item?.id ?? '' };
  }

  test('is wanted once although two want it', async () => {
    const { world, runtime, item } = await deferred();
    await runtime.queue.retry(item);
    await runtime.queue.retry(item);
    await settle();
    expect(undos(world)).toEqual(['undo flight', 'undo hotel', 'undo flight']);
  });

  test('stays when a retry of it is cut off by `terminate`', async () => {
    const { runtime, item } = await deferred();
    await runtime.queue.retry(item);
    await settle();
    await runtime.terminate('w');
    await settle();
    expect((await runtime.queue.list()).items.map(({ id }) => id)).toEqual([item]);
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'deferred' });
  });

  test('says that it took effect when that comes to light', async () => {
    const world = new World();
    world.isStubborn = true;
    const { runtime, clock, send } = await started(trip(world));
    await succeed(world, 'hotel', 'flight');
    await send('LEAVE');
    await clock.pass(limits.settleMs);
    await settle();
    await fail(world, 'undo car');
    await succeed(world, 'car');
    const { items } = await runtime.queue.list();
    expect(items).toHaveLength(1);
    expect(await runtime.queue.get(items[0]?.id ?? '')).toMatchObject({ cause: 'undo', outcome: 'completed', output: 'car done' });
  });

  test.each(['retried', 'settled'] as const)(
    'is done once when it was wanted while the workflow was paused, and %s besides',
    async (besides) => {
      const world = new World();
      const machine = setup({ actors: { hotel: step(world, 'hotel'), compensation } }).createMachine({
        id: 'held',
        version: '1',
        initial: 'hotel',
        states: {
          hotel: { invoke: { src: 'hotel', onDone: 'undoing' } },
          undoing: { invoke: { src: 'compensation', onDone: 'open' } },
          open: {},
        },
      });
      const { runtime } = await started(machine);
      await succeed(world, 'hotel');
      await fail(world, 'undo hotel');
      const [{ id } = { id: '' }] = (await runtime.queue.list()).items;
      await runtime.pause('w');
      await runtime.queue.retry(id);
      if (besides === 'retried') await runtime.queue.retry(id);
      else await runtime.queue.settle(id, { note: 'by hand' });
      await runtime.resume('w');
      await settle();
      expect(undos(world)).toEqual(besides === 'retried' ? ['undo hotel', 'undo hotel'] : ['undo hotel']);
    },
  );
});

describe('a `compensation`', () => {
  test('that is left in the step that invokes it undoes nothing', async () => {
    const world = new World();
    const machine = setup({ actors: { hotel: step(world, 'hotel'), compensation } }).createMachine({
      id: 'fickle',
      version: '1',
      initial: 'hotel',
      states: {
        hotel: { invoke: { src: 'hotel', onDone: 'undoing' } },
        undoing: { invoke: { src: 'compensation' }, always: 'open' },
        open: {},
      },
    });
    const { runtime } = await started(machine);
    await succeed(world, 'hotel');
    expect(undos(world)).toEqual([]);
    expect(await runtime.describe('w')).toMatchObject({ value: 'open', compensation: 'none', children: [] });
  });

  test('that was terminated makes nothing of what its undo comes to', async () => {
    const world = new World();
    world.isStubborn = true;
    const { runtime } = await started(trip(world));
    await succeed(world, 'hotel');
    await fail(world, 'flight');
    await runtime.terminate('w');
    await settle();
    await succeed(world, 'undo flight');
    const { ledger, status } = await runtime.describe('w');
    expect({ status, undos: ledger.map(({ undo }) => undo) }).toEqual({ status: 'terminated', undos: ['abandoned', 'abandoned'] });
    expect(undos(world)).toEqual(['undo flight']);
  });

  test('that is watched tells how far it is', async () => {
    const world = new World();
    const machine = setup({
      types: { context: {} as { readonly seen: readonly unknown[] } },
      actors: { hotel: step(world, 'hotel'), compensation },
    }).createMachine({
      id: 'watching',
      version: '1',
      context: { seen: [] },
      initial: 'hotel',
      states: {
        hotel: { invoke: { src: 'hotel', onDone: 'undoing' } },
        undoing: {
          entry: spawnChild('compensation', { id: 'undoing', syncSnapshot: true }),
          on: {
            'xstate.snapshot.undoing': {
              actions: assign({
                seen: ({ context, event }) => [
                  ...context.seen,
                  (event as unknown as { readonly snapshot: { readonly value: unknown } }).snapshot.value,
                ],
              }), // XState types no snapshot of a spawned promise
            },
            'xstate.done.actor.undoing': 'open',
          },
        },
        open: {},
      },
    });
    const { runtime } = await started(machine);
    await succeed(world, 'hotel', 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ value: 'open', context: { seen: expect.arrayContaining(['undoing']) as unknown } });
  });

  test('whose time is over while it waits for what is in flight defers all of it', async () => {
    const world = new World();
    world.isStubborn = true;
    const { runtime, clock } = await started(trip(world), { compensationBudgetMs: 1_000 });
    await succeed(world, 'hotel');
    await runtime.cancel('w');
    await settle();
    expect(undos(world)).toEqual([]);
    await clock.pass(1_000);
    await settle();
    expect(undos(world)).toEqual([]);
    const { ledger, status } = await runtime.describe('w');
    expect({ status, undos: ledger.map(({ undo }) => undo) }).toEqual({ status: 'cancelled', undos: ['deferred', 'deferred'] });
  });
});
