import { describe, expect, test } from 'vitest';
import { fromCallback, fromTransition, sendTo, setup, spawnChild, stopChild } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { child } from '../../src/kernel/child.ts';
import { openDraft } from '../../src/kernel/draft.ts';
import { armTimer } from '../../src/kernel/arm-timer.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { ChildRecord } from '../../src/kernel/record.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { Family } from './families.ts';
import { at, began, decidedOn, signal, taken } from './workflows.ts';

const part = setup({}).createMachine({ id: 'part' });
const socket = fromCallback(() => undefined);
const work = activity<unknown, unknown>({ run: () => 1 });
const machine = setup({ actors: { part, socket, work } }).createMachine({
  id: 'm',
  version: '1',
  on: {
    PART: { actions: spawnChild('part', { id: 'part' }) },
    NAMED: { actions: [spawnChild('socket', { id: 'socket', systemId: 'ear' }), spawnChild('work', { id: 'work', systemId: 'hand' })] },
    SOCKETS: { actions: Array.from({ length: limits.activitiesMax + 1 }, (_item, n) => spawnChild('socket', { id: `s${n}` })) },
  },
});

describe('what a chart spawns', () => {
  test('is kept with its system id', () => {
    const family = new Family(machine);
    const [commit] = family.send('NAMED');
    expect(commit?.activitiesPut).toMatchObject([
      { childId: 'socket', systemId: 'ear', kind: 'volatile' },
      { childId: 'work', systemId: 'hand', state: 'running' },
    ]);
    expect([...family.reopen().tree.surroundings.named().keys()].sort()).toEqual(['ear', 'hand']);
  });

  test('is at most so many children at once', () => {
    const { actor } = began(machine);
    const rows = Array.from({ length: limits.childrenMax }, (_item, n): [number, ChildRecord] => [
      n + 1,
      { n: n + 1, childId: `c${n}`, src: 'part', isActor: true },
    ]);
    const crowded = { ...actor, record: { ...actor.record, children: limits.childrenMax }, children: new Map(rows) };
    const { commit } = taken(decidedOn(crowded, signal('PART'), at(2_000)));
    expect(commit.record.parked?.failure.message).toContain(`at most ${limits.childrenMax} children`);
  });

  test('is at most so many callbacks at once', () => {
    const { commit } = taken(decidedOn(began(machine).actor, signal('SOCKETS'), at(2_000)));
    expect(commit.record.parked?.failure.message).toContain(`at most ${limits.activitiesMax} pending activities`);
  });

  test('has to be in the machine', () => {
    const { actor } = began(machine);
    const without = { ...actor, machine: { ...actor.machine, children: new Map() } };
    const { commit } = taken(decidedOn(without, signal('PART'), at(2_000)));
    expect(commit.record.parked?.failure.message).toContain('The chart spawned "part", which has no code');
  });
});

describe('what cannot be done is refused', () => {
  test.each([
    ['to stop oneself', stopChild((({ self }: { self: unknown }) => self) as never)],
    [
      'to stop who is the child of another',
      stopChild((({ system }: { system: { get(id: string): unknown } }) => system.get('deep')) as never),
    ],
  ])('%s', (_, action) => {
    const inner = setup({ actors: { part } }).createMachine({ id: 'inner', invoke: { src: 'part', systemId: 'deep' } });
    const outer = setup({ actors: { inner } }).createMachine({
      id: 'outer',
      version: '1',
      invoke: { src: 'inner' },
      on: { GO: { actions: action as never } },
    });
    const family = new Family(outer);
    family.send('GO');
    expect(family.root.record.parked?.failure.message).toContain('because it is not a child');
  });

  test('a delay that is none, in what has no states to name', () => {
    const counting = fromTransition((count: number) => count, 0);
    const parent = registerMachine(setup({ actors: { counting } }).createMachine({ id: 'm', version: '1', invoke: { src: 'counting' } }));
    const registered = parent.children.get('counting');
    if (registered?.kind !== 'actor') throw new TypeError('A transition function is an actor.');
    const draft = openDraft({ workflowId: 'w', run: 1, path: [1] }, registered.machine, undefined, at(0));
    const timer = { kind: 'schedule', id: undefined, delay: NaN, event: { type: 'X' }, to: undefined } as const;
    expect(() => armTimer(draft, timer)).toThrow('The delay of the delayed event "X" in state null is NaN');
  });
});

test('nothing is sent to a child that is stopped in the same list of actions', () => {
  const actions = [spawnChild('part', { id: 'p' }), sendTo('p', { type: 'X' }), stopChild('p')];
  const { actor } = began(setup({ actors: { part } }).createMachine({ id: 'm', version: '1', on: { GO: { actions: actions as never } } }));
  const { commit } = taken(decidedOn(actor, signal('GO'), at(2_000)));
  expect(commit).toMatchObject({ messages: [], childrenPut: [], record: { status: 'running', children: 0 } });
});

test('what its parent let go is let go once: terminating that one does not reach it again', () => {
  const patient = setup({}).createMachine({
    id: 'patient',
    initial: 'on',
    states: { on: { on: { 'workflow.cancel': 'leaving' } }, leaving: {} },
  });
  const parent = setup({ actors: { patient } }).createMachine({
    id: 'm',
    version: '1',
    initial: 'on',
    states: { on: { invoke: { src: 'patient' }, on: { LEAVE: 'off' } }, off: {} },
  });
  const family = new Family(parent);
  family.send('LEAVE');
  family.tell([], { kind: 'terminate', reason: 'enough' });
  expect(family.order).toEqual(['root: terminate']);
  expect(family.stored(1).record).toMatchObject({ status: 'running', chart: { value: 'leaving' } });
});

test('terminating who has ended takes its last actions, and leaves alone the child that it left behind', () => {
  const say = (): undefined => undefined;
  const patient = setup({}).createMachine({ id: 'patient' });
  const parent = setup({ actors: { patient: child(patient, { parentClosePolicy: 'abandon' }) }, actions: { say } }).createMachine({
    id: 'm',
    version: '1',
    initial: 'on',
    states: { on: { invoke: { src: 'patient' }, on: { CLOSE: 'off' } }, off: { type: 'final', entry: 'say' } },
  });
  const family = new Family(parent);
  family.send('CLOSE');
  expect(family.root.record).toMatchObject({ status: 'completed', children: 1, activities: [{ childId: 'xstate.actions' }] });
  family.tell([], { kind: 'terminate', reason: 'enough' });
  expect(family.root.record).toMatchObject({ status: 'completed', children: 1, activities: [] });
  expect(family.tell([], { kind: 'terminate', reason: 'again' })).toEqual([]);
  expect(family.stored(1).record).toMatchObject({ status: 'running', isDetached: true });
});
