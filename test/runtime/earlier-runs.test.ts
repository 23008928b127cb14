import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { child } from '../../src/kernel/child.ts';
import { World } from '../support/world.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

function parentOf(world: World) {
  const work = activity<unknown, unknown>({ run: (scope) => world.call('work', scope) });
  const part = setup({ actors: { work } }).createMachine({
    id: 'part',
    initial: 'first',
    states: { first: { invoke: { src: 'work', onDone: 'second' } }, second: { type: 'final' } },
  });
  return setup({ actors: { part: child(part, { parentClosePolicy: 'abandon' }) } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'on',
    states: { on: { invoke: { src: 'part' }, on: { END: 'off' } }, off: { type: 'final' } },
  });
}

test('a run that takes the place of another ends all of it, also a child that would be left behind', async () => {
  const world = new World();
  const machine = parentOf(world);
  const { runtime } = await openTestRuntime({ machines: [machine] });
  await runtime.start(machine, { id: 'w', input: undefined });
  await settle();
  await runtime.start(machine, { id: 'w', input: undefined, onExisting: 'terminate-existing' });
  await settle();
  const [first, second] = world.callsOf('work');
  expect(first?.signal.reason).toBe('closed');
  expect(second?.signal.aborted).toBe(false);
});

test('a closed id is not started again while a child that was left behind still runs', async () => {
  const world = new World();
  const machine = parentOf(world);
  const { runtime } = await openTestRuntime({ machines: [machine] });
  const again = (): Promise<unknown> => runtime.start(machine, { id: 'w', input: undefined, onExisting: 'allow' });
  await runtime.start(machine, { id: 'w', input: undefined });
  await runtime.send('w', { type: 'END' });
  await expect(again()).rejects.toMatchObject({ code: 'WORKFLOW_EXISTS' });
  world.last('work').succeed(1);
  await settle();
  await again();
  expect(await runtime.describe('w')).toMatchObject({ run: 2, status: 'running' });
});

test('a run that takes the place of another drops the custom actions that an ended child of it has left', async () => {
  const world = new World();
  const scope = { input: undefined, idempotencyKey: '', attempt: 1, signal: new AbortController().signal };
  const part = setup({ actions: { say: (): unknown => world.call('say', scope) } }).createMachine({
    id: 'part',
    initial: 'first',
    states: { first: { entry: 'say', always: 'second' }, second: { after: { 1: 'third' } }, third: { entry: 'say', type: 'final' } },
  });
  const machine = setup({ actors: { part } }).createMachine({ id: 'talker', version: '1', invoke: { src: 'part' } });
  const { runtime, clock } = await openTestRuntime({ machines: [machine] });
  await runtime.start(machine, { id: 'w' });
  await clock.pass(1);
  await settle();
  expect((await runtime.describe('w')).children).toMatchObject([{ status: 'completed' }]);
  await runtime.start(machine, { id: 'w', onExisting: 'terminate-existing' });
  await settle();
  const [first, second] = world.callsOf('say');
  first?.succeed(undefined);
  await settle();
  // The second is of the second run: what the first run still wanted to say is not said.
  expect(world.callsOf('say')).toEqual([first, second]);
  second?.succeed(undefined);
  await clock.pass(1);
  await settle();
  expect(world.callsOf('say')).toHaveLength(3);
});

test('nor deleted, nor started again, while that child waits for a machine that is not registered', async () => {
  const world = new World();
  const machine = parentOf(world);
  const first = await openTestRuntime({ machines: [machine] });
  await first.runtime.start(machine, { id: 'w', input: undefined });
  await first.runtime.send('w', { type: 'END' });
  await closeTestRuntime(first);
  const next = setup({}).createMachine({ id: 'parent', version: '2' });
  const without = await openTestRuntime({ machines: [next], clock: first.clock, database: first.database.reopen() });
  await expect(without.runtime.delete('w')).rejects.toMatchObject({ code: 'WORKFLOW_OPEN' });
  const again = without.runtime.start(next, { id: 'w', onExisting: 'allow' });
  await expect(again).rejects.toMatchObject({ code: 'WORKFLOW_EXISTS' });
  await closeTestRuntime(without);
  const { runtime } = await openTestRuntime({ machines: [machine], clock: first.clock, database: without.database.reopen() });
  await settle();
  world.last('work').succeed(1);
  await settle();
  expect(await runtime.describe('w')).toMatchObject({ run: 1, children: [{ status: 'completed' }] });
  await runtime.delete('w');
});

test('a run that takes the place of another runs no code of its children: they are not asked to cancel', async () => {
  const world = new World();
  const call = (name: string) => activity<unknown, unknown>({ run: (scope) => world.call(name, scope) });
  const part = setup({
    actors: { work: call('work'), undo: call('undo') },
    actions: { note: () => world.note('cancelled') },
  }).createMachine({
    id: 'part',
    initial: 'working',
    states: {
      working: { invoke: { src: 'work' }, on: { 'workflow.cancel': { target: 'undoing', actions: 'note' } } },
      undoing: { invoke: { src: 'undo' } },
    },
  });
  const machine = setup({ actors: { part } }).createMachine({ id: 'parent', version: '1', invoke: { src: 'part' } });
  const { runtime } = await openTestRuntime({ machines: [machine] });
  await runtime.start(machine, { id: 'w' });
  await settle();
  await runtime.start(machine, { id: 'w', onExisting: 'terminate-existing' });
  await settle();
  expect(world.calls.map(({ name }) => name)).toEqual(['work', 'work']);
  expect(world.count('cancelled')).toBe(0);
  expect(world.callsOf('work').map(({ signal }) => signal.aborted)).toEqual([true, false]);
});
