/** Undoing where two things meet in one step, where two people meet at one item, and where a ledger is full. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { activity, child, compensation } from 'perdure/authoring';
import { sendParent, sendTo, setup } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import { refusalOf } from '../support/outcomes.ts';
import { trip } from '../support/sagas.ts';
import { errorOf, World } from '../support/world.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

function step(world: World, name: string) {
  return activity<unknown, string>({
    name,
    run: (scope) => world.call(name, scope),
    retry: { maximumAttempts: 1 },
    compensate: {
      run: ({ input, output, outcome, error, ...scope }) =>
        world.call(`undo ${name}`, { input: { input, output, outcome, error }, ...scope }),
      retry: { maximumAttempts: 1 },
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

function ledgerOf(max: number): void {
  const { ledgerMax, ledgerRoom } = limits;
  Object.assign(limits, { ledgerMax: max, ledgerRoom: 1 });
  onTestFinished(() => void Object.assign(limits, { ledgerMax, ledgerRoom }));
}

/** Books by a child, which ends in the very step in which its parent leaves it. */
function booking(world: World, how: 'sendParent' | 'exit') {
  const isExit = how === 'exit';
  const inner = setup({ actors: { hotel: step(world, 'hotel') } }).createMachine({
    id: 'child',
    initial: 'hotel',
    states: {
      hotel: { invoke: { src: 'hotel', onDone: isExit ? 'waiting' : 'done' } },
      waiting: { on: { FINISH: 'done' } },
      done: { type: 'final', ...(isExit ? {} : { entry: sendParent({ type: 'BOOKED' }) }) },
    },
  });
  return setup({ actors: { child: inner } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'booking',
    states: {
      booking: {
        invoke: { id: 'c', src: 'child' },
        on: { BOOKED: 'after' },
        ...(isExit ? { exit: sendTo('c', { type: 'FINISH' }) } : {}),
      },
      after: { on: { FAIL: 'failed' } },
      failed: { type: 'final', tags: 'failed' },
    },
  });
}

describe('what a child did is undone', () => {
  test.each(['sendParent', 'exit'] as const)('that ends in the step in which its parent leaves it (%s)', async (how) => {
    const world = new World();
    const machine = booking(world, how);
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    await succeed(world, 'hotel');
    if (how === 'exit') await runtime.send('w', { type: 'BOOKED' });
    await settle();
    await runtime.send('w', { type: 'FAIL' });
    await settle();
    expect(undos(world)).toEqual(['undo hotel']);
    await succeed(world, 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  test.each([true, false])('that tells its parent of its failure, which ends of that (its own end: %s)', async (isFinal) => {
    const world = new World();
    const inner = setup({ actors: { hotel: step(world, 'hotel'), flight: step(world, 'flight') } }).createMachine({
      id: 'child',
      initial: 'hotel',
      states: {
        hotel: { invoke: { src: 'hotel', onDone: 'flight' } },
        flight: { invoke: { src: 'flight', onError: 'failed' } },
        failed: { entry: sendParent({ type: 'CHILD_FAILED' }), ...(isFinal ? { type: 'final' as const } : {}) },
      },
    });
    const machine = setup({ actors: { child: inner } }).createMachine({
      id: 'parent',
      version: '1',
      initial: 'booking',
      states: {
        booking: { invoke: { src: 'child' }, on: { CHILD_FAILED: 'failed' } },
        failed: { type: 'final', tags: 'failed' },
      },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    await succeed(world, 'hotel');
    world.last('flight').fail(errorOf('Full', 'no seat'));
    await settle();
    await succeed(world, 'undo flight', 'undo hotel');
    expect(undos(world)).toEqual(['undo flight', 'undo hotel']);
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });
});

describe('an item of the queue', () => {
  test('of a child that closed is dealt with while its workflow goes on', async () => {
    const world = new World();
    const inner = setup({ actors: { hotel: step(world, 'hotel'), flight: step(world, 'flight') } }).createMachine({
      id: 'child',
      initial: 'hotel',
      states: {
        hotel: { invoke: { src: 'hotel', onDone: 'flight' } },
        flight: { invoke: { src: 'flight', onDone: 'done' } },
        done: { type: 'final' },
      },
    });
    const machine = setup({ actors: { child: inner, compensation } }).createMachine({
      id: 'parent',
      version: '1',
      initial: 'booking',
      states: {
        booking: { invoke: { src: 'child', onDone: 'undoing' } },
        undoing: { invoke: { src: 'compensation', onDone: 'open' } },
        open: {},
      },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    await succeed(world, 'hotel', 'flight');
    for (const name of ['undo flight', 'undo hotel']) {
      world.last(name).fail(errorOf('No', 'no'));
      await settle();
    }
    const { items } = await runtime.queue.list();
    expect(items).toHaveLength(2);
    for (const { id } of items) await runtime.queue.settle(id, { note: 'by hand' });
    expect(await runtime.describe('w')).toMatchObject({ value: 'open', compensation: 'done', queue: [] });
  });

  test('that one settled while the workflow is paused is not retried by another', async () => {
    const world = new World();
    const machine = setup({ actors: { hotel: step(world, 'hotel'), compensation } }).createMachine({
      id: 'paused',
      version: '1',
      initial: 'hotel',
      states: {
        hotel: { invoke: { src: 'hotel', onDone: 'undoing' } },
        undoing: { invoke: { src: 'compensation', onDone: 'open' } },
        open: {},
      },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    await succeed(world, 'hotel');
    world.last('undo hotel').fail(errorOf('No', 'no'));
    await settle();
    const [item] = (await runtime.queue.list()).items;
    await runtime.pause('w');
    await runtime.queue.settle(item?.id ?? '', { note: 'refunded by hand', by: 'Ada' });
    await refusalOf(runtime.queue.retry(item?.id ?? '', { by: 'Bob' }), 'QUEUE_ITEM_NOT_FOUND');
    await runtime.resume('w');
    await settle();
    expect(undos(world)).toEqual(['undo hotel']);
    expect(await runtime.describe('w')).toMatchObject({ status: 'running', compensation: 'done' });
  });

  test('of an orphan effect waits until the undo that did not know of it is over', async () => {
    const world = new World();
    const machine = trip(world);
    const { runtime, clock } = await openTestRuntime({ machines: [machine] });
    world.isStubborn = true;
    await runtime.start(machine, { id: 'w', input: '' });
    await settle();
    await succeed(world, 'hotel', 'flight');
    await runtime.send('w', { type: 'LEAVE' });
    await settle();
    await clock.pass(limits.settleMs);
    await succeed(world, 'car');
    const [item] = (await runtime.queue.list()).items;
    await refusalOf(runtime.queue.retry(item?.id ?? ''), 'QUEUE_ACT_NOT_ALLOWED');
    await succeed(world, 'undo car');
    await runtime.queue.retry(item?.id ?? '');
    await settle();
    expect(world.callsOf('undo car')).toHaveLength(2);
  });

  test('of what a child that was let go threw on is left out, and undoing goes on', async () => {
    const world = new World();
    const aside = setup({
      guards: {
        isBroken: () => {
          throw new Error('boom');
        },
      },
    }).createMachine({
      id: 'aside',
      initial: 'resting',
      states: { resting: { after: { 20_000: 'broken' } }, broken: { always: { guard: 'isBroken', target: 'resting' } } },
      on: { 'workflow.cancel': {} },
    });
    const machine = setup({ actors: { hotel: step(world, 'hotel'), aside: child(aside, { parentClosePolicy: 'abandon' }) } }).createMachine(
      {
        id: 'parent',
        version: '1',
        initial: 'hotel',
        invoke: { src: 'aside' },
        states: {
          hotel: { invoke: { src: 'hotel', onDone: 'open' } },
          open: { on: { FAIL: 'failed' } },
          failed: { type: 'final', tags: 'failed' },
        },
      },
    );
    const { runtime, clock } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    await succeed(world, 'hotel');
    await runtime.send('w', { type: 'FAIL' });
    await settle();
    await clock.pass(20_000);
    await settle();
    const [item] = (await runtime.queue.list()).items;
    expect(await runtime.describe('w')).toMatchObject({ status: 'parked' });
    await runtime.queue.discard(item?.id ?? '', { note: 'nobody needs it' });
    expect(await runtime.describe('w')).toMatchObject({ status: 'compensating' });
    await succeed(world, 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });
});

describe('a full ledger', () => {
  test('forgets what was undone', async () => {
    ledgerOf(2);
    const world = new World();
    const machine = setup({ actors: { hotel: step(world, 'hotel'), compensation } }).createMachine({
      id: 'again',
      version: '1',
      initial: 'hotel',
      states: {
        hotel: { invoke: { src: 'hotel', onDone: 'open' } },
        open: { on: { UNDO: 'undoing' } },
        undoing: { invoke: { src: 'compensation', onDone: 'hotel' } },
      },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    for (let round = 0; round < 5; round += 1) {
      await succeed(world, 'hotel');
      await runtime.send('w', { type: 'UNDO' });
      await settle();
      await succeed(world, 'undo hotel');
    }
    expect(world.callsOf('undo hotel')).toHaveLength(5);
    expect((await runtime.describe('w')).status).toBe('running');
  });

  test('parks who begins one step too many, and takes in the end of a child all the same', async () => {
    ledgerOf(1);
    const world = new World();
    const inner = setup({ actors: { hotel: step(world, 'hotel') } }).createMachine({
      id: 'child',
      initial: 'hotel',
      states: {
        hotel: { invoke: { src: 'hotel', onDone: 'waiting' } },
        waiting: {},
        slow: { after: { 1_000: 'done' } },
        done: { type: 'final' },
      },
      on: { 'workflow.cancel': '.slow' },
    });
    const machine = setup({ actors: { flight: step(world, 'flight'), child: inner } }).createMachine({
      id: 'parent',
      version: '1',
      initial: 'away',
      states: {
        away: { invoke: { src: 'child' }, on: { GO: 'flight' } },
        flight: { invoke: { src: 'flight', onDone: 'open' } },
        open: { on: { FAIL: 'failed', AGAIN: 'flight' } },
        failed: { type: 'final', tags: 'failed' },
      },
    });
    const { runtime, clock } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    await succeed(world, 'hotel');
    await runtime.send('w', { type: 'GO' });
    await settle();
    await succeed(world, 'flight');
    await clock.pass(1_000);
    await settle();
    expect((await runtime.send('w', { type: 'AGAIN' })).outcome).toBe('queued');
    expect((await runtime.describe('w')).parked?.message).toContain('at most 1 steps that can still be undone');
    Object.assign(limits, { ledgerMax: 10 });
    await runtime.unpark('w');
    await settle();
    await succeed(world, 'flight');
    await runtime.send('w', { type: 'FAIL' });
    await settle();
    await succeed(world, 'undo flight', 'undo hotel', 'undo flight');
    expect(undos(world)).toEqual(['undo flight', 'undo hotel', 'undo flight']);
  });
});
