import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import {
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  fromCallback,
  fromObservable,
  fromTransition,
  log,
  not,
  raise,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { activity, implement } from '../../src/kernel/activity.ts';
import type { PerdureError } from '../../src/kernel/errors.ts';
import { compareDefinition, createRegistry, damaged, definitionChanged, revive } from '../../src/kernel/machine-registry.ts';
import type { StoredTree } from '../../src/kernel/ports.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { treeIn } from '../support/documents.ts';
import { Family } from './families.ts';
import { thrownBy } from './thrown.ts';
import { at, began, storedOf } from './workflows.ts';

const work = activity<unknown, unknown>({ run: () => 1 });
const declared = activity<unknown, unknown>({ name: 'declared.only' });
const named = (config: object, implementations: object = {}): AnyStateMachine =>
  createMachine({ id: 'shop', version: '1', ...config } as never, implementations as never) as AnyStateMachine;
const inState = (state: object, implementations: object = {}): AnyStateMachine =>
  named({ initial: 'cart', states: { cart: state } }, implementations);

describe('a machine is refused', () => {
  test.each<[string, AnyStateMachine, string, string[]]>([
    ['without an id', createMachine({ version: '1' }), '(machine)', ['it has no id; give createMachine({ id: … }) one']],
    ['without a version', createMachine({ id: 'shop' }), 'shop', ["it has no version; give createMachine({ version: '1', … }) one"]],
    ['with an empty version', createMachine({ id: 'shop', version: '' }), 'shop', ['it has no version']],
    [
      'with a version that is no text',
      createMachine({ id: 'shop', version: 2 } as never) as AnyStateMachine,
      'shop',
      ['it has no version'],
    ],
    ['without both', createMachine({}), '(machine)', ['it has no id', 'it has no version']],
    [
      'with actor logic that is none of XState’s',
      inState({ invoke: { src: 'load' } }, { actors: { load: { transition: () => 1 }, also: () => 1 } }),
      'shop',
      [
        'state "shop.cart" invokes "load", which is no actor logic of XState\'s; write it with activity({ run })',
        'its actor "also" is no actor logic of XState\'s',
      ],
    ],
    [
      'with a machine among its actors that cannot be run',
      inState({}, { actors: { inner: createMachine({ id: 'inner', invoke: { src: {} as never, id: 'odd' } }) } }),
      'shop',
      ['machine "inner" among its actors: state "inner" invokes "xstate.invoke.0.inner", which is no actor logic of XState\'s'],
    ],
    [
      'with a listener to the snapshots of an activity',
      inState({ invoke: { src: 'work', onSnapshot: { actions: [] } } }, { actors: { work } }),
      'shop',
      ['state "shop.cart" listens to snapshots of "work" (onSnapshot), but an activity has none; leave it out'],
    ],
  ])('%s', (_, machine, id, problems) => {
    const error = thrownBy(() => registerMachine(machine)) as PerdureError<'MACHINE_INVALID'>;
    expect(error).toMatchObject({ code: 'MACHINE_INVALID', details: { machine: id } });
    expect(error.message).toContain(`Machine "${id}" cannot be run:`);
    expect(error.details.problems).toHaveLength(problems.length);
    for (const [index, problem] of problems.entries()) expect(error.details.problems[index]).toContain(problem);
    for (const problem of error.details.problems) expect(error.message).toContain(`  - ${problem}`);
  });

  test('with all its problems at once', () => {
    const machine = createMachine({ initial: 'a', states: { a: { invoke: { src: {} as never } } } });
    const error = thrownBy(() => registerMachine(machine)) as PerdureError<'MACHINE_INVALID'>;
    expect(error.details.problems).toHaveLength(3);
  });
});

describe('what a machine may use', () => {
  test('is assign, raise, cancel and enqueueActions, in place or under a name', () => {
    const machine = named(
      {
        initial: 'a',
        entry: [assign({}), raise({ type: 'X' }), cancel('x'), enqueueActions(() => undefined), 'note'],
        states: { a: { exit: { type: 'note' }, always: { guard: 'isSo', target: 'b' } }, b: { after: { soon: 'a', 5: 'a' } } },
      },
      { actions: { note: assign({}) }, guards: { isSo: () => true }, delays: { soon: 5 } },
    );
    expect(registerMachine(machine).reference).toMatchObject({ id: 'shop', version: '1' });
  });

  test.each<[string, AnyStateMachine]>([
    [
      'actions of its own, named or in place',
      inState({ entry: 'notify', exit: () => undefined }, { actions: { notify: () => undefined } }),
    ],
    [
      'actions on any transition',
      named({
        initial: { target: 'cart', actions: () => undefined },
        states: {
          cart: {
            on: { PAY: { actions: () => undefined } },
            after: { 5: { actions: () => undefined } },
            always: { actions: () => undefined },
          },
        },
      }),
    ],
    ['events to other actors', inState({ entry: [sendTo('other', { type: 'HI' }), emit({ type: 'HI' }), log('hi')] })],
    ['children that are spawned', inState({ entry: [spawnChild('work'), stopChild('work')] }, { actors: { work } })],
    ['system ids', inState({ invoke: { src: 'work', systemId: 'worker' } }, { actors: { work } })],
  ])('is %s', (_, machine) => {
    expect(registerMachine(machine).reference.id).toBe('shop');
  });

  test('is every kind of actor logic, known by what becomes of it', () => {
    const inner = createMachine({ id: 'inner', initial: 'a', states: { a: {} } });
    const machine = named(
      { initial: 'a', states: { a: { invoke: [{ src: 'inner' }, { src: fromCallback(() => undefined) }] } } },
      { actors: { inner, work, counting: fromTransition((count: number) => count, 0), ticks: fromObservable(() => ({}) as never) } },
    );
    const { children, activities } = registerMachine(machine);
    expect([...activities.keys()]).toEqual(['work']);
    expect([...children].map(([src, { kind }]) => [src, kind])).toEqual([
      ['perdure.compensation', 'actor'],
      ['inner', 'actor'],
      ['counting', 'actor'],
      ['ticks', 'volatile'],
      ['xstate.invoke.1.shop.a', 'volatile'],
    ]);
    expect(children.get('inner')).toMatchObject({
      parentClosePolicy: 'request-cancel',
      // A version is all of it.
      machine: { reference: { id: 'inner', version: '1' }, machine: inner },
    });
    expect(children.get('counting')).toMatchObject({ machine: { reference: { id: 'shop.counting' }, machine: undefined } });
  });

  test('is a machine among its own actors', () => {
    const tree = setup({ actors: { tree: {} as AnyStateMachine } }).createMachine({ id: 'tree', version: '1', invoke: { src: 'tree' } });
    Object.assign(tree.implementations.actors, { tree });
    const registered = registerMachine(tree);
    expect(registered.children.get('tree')).toMatchObject({ kind: 'actor', machine: registered });
    expect(registered.structure).toMatchObject({ actors: { tree: 'tree' } });
  });

  test('is activities, named by the machine or by themselves', () => {
    const machine = named(
      {
        initial: 'a',
        states: { a: { invoke: [{ src: 'work' }, { src: 'other' }, { src: 'work', id: 'twice' }] }, b: { invoke: { src: work } } },
      },
      { actors: { work, other: activity({ name: 'other.name', run: () => 1 }) } },
    );
    const registered = registerMachine(machine);
    expect([...registered.activities].map(([src, { name }]) => [src, name])).toEqual([
      ['work', 'shop.work'],
      ['other', 'other.name'],
      ['xstate.invoke.0.shop.b', 'shop.xstate.invoke.0.shop.b'],
    ]);
  });
});

describe('code that is missing is named with its place', () => {
  test.each<[string, AnyStateMachine, string[]]>([
    ['an activity', inState({ invoke: { src: 'work' } }), ['activity "work" invoked in state "shop.cart"']],
    [
      'an activity declared without code',
      inState({ invoke: { src: 'declared' } }, { actors: { declared } }),
      ['activity "declared" invoked in state "shop.cart"'],
    ],
    ['an action', inState({ entry: 'note' }), ['action "note" in state "shop.cart" (entry)']],
    ['a guard', inState({ on: { GO: { guard: 'isOpen' } } }), ['guard "isOpen" in state "shop.cart" (GO)']],
    [
      'a guard inside others that have a name themselves',
      inState({ always: { guard: 'isFine' } }, { guards: { isFine: and(['isOpen', not('isLate')]) } }),
      ['guard "isOpen" in state "shop.cart" (always)', 'guard "isLate" in state "shop.cart" (always)'],
    ],
    [
      'a guard inside others',
      inState({ always: { guard: and(['isOpen', not('isLate')]) } }),
      ['guard "isOpen" in state "shop.cart" (always)', 'guard "isLate" in state "shop.cart" (always)'],
    ],
    ['a delay', inState({ after: { soon: 'cart' } }), ['delay "soon" in state "shop.cart" (after)']],
    [
      'the delay of a raised event',
      inState({ on: { GO: { actions: raise({ type: 'X' }, { delay: 'soon' as never }) } } }),
      ['delay "soon" in state "shop.cart" (GO)'],
    ],
    [
      'the delay of a raised event under a name',
      inState({ entry: 'remind' }, { actions: { remind: raise({ type: 'X' }, { delay: 'soon' as never }) } }),
      ['delay "soon" in state "shop.cart" (entry)'],
    ],
    ['the same thing twice', inState({ entry: ['note', 'note'] }), ['action "note" in state "shop.cart" (entry)']],
    [
      'all at once',
      inState({ entry: 'note', invoke: { src: 'work' } }),
      ['activity "work" invoked in state "shop.cart"', 'action "note" in state "shop.cart" (entry)'],
    ],
  ])('%s', (_, machine, missing) => {
    const error = thrownBy(() => registerMachine(machine)) as PerdureError<'IMPLEMENTATION_MISSING'>;
    expect(error).toMatchObject({ code: 'IMPLEMENTATION_MISSING', details: { missing } });
    expect(error.message).toContain('Machine "shop" lacks code:');
    expect(error.message).toContain('machine.provide({ … }), activities with implement()');
  });

  test('and no more once it is provided', () => {
    const machine = inState({ invoke: { src: 'declared' } }, { actors: { declared } });
    const provided = machine.provide({ actors: { declared: implement(declared, { run: () => 1 }) } } as never);
    expect(registerMachine(provided).activities.get('declared')?.name).toBe('declared.only');
  });
});

describe('a registry', () => {
  const other = createMachine({ id: 'other', version: '1' });

  test('finds machines by id and version', () => {
    const second = createMachine({ id: 'other', version: '2' });
    const registry = createRegistry([other, second]);
    expect(registry.find('other', '2')?.machine).toBe(second);
    expect(registry.find('other', '3')).toBeUndefined();
    expect(registry.find('othe', 'r1')).toBeUndefined();
    expect(registry.machines.map(({ reference }) => reference.version)).toEqual(['1', '2']);
  });

  test('refuses one version twice', () => {
    const error = thrownBy(() => createRegistry([other, createMachine({ id: 'other', version: '1', context: {} })]));
    expect(error).toMatchObject({ code: 'MACHINE_DUPLICATE', details: { machine: 'other', version: '1' } });
    expect((error as Error).message).toContain('Machine "other" version "1" is given twice; give each version once.');
  });

  test('names what all machines lack at once', () => {
    const machines = ['a', 'b'].map((id) => createMachine({ id, version: '1', invoke: { src: 'work' } }));
    const error = thrownBy(() => createRegistry([...machines, other])) as PerdureError<'IMPLEMENTATION_MISSING'>;
    expect(error.details.missing).toEqual(['activity "work" invoked in state "a"', 'activity "work" invoked in state "b"']);
    expect(error.message).toContain('Machine "a" lacks code');
    expect(error.message).toContain('Machine "b" lacks code');
  });

  test('refuses a machine that cannot be run before it names what others lack', () => {
    const lacking = createMachine({ id: 'a', version: '1', invoke: { src: 'work' } });
    expect(thrownBy(() => createRegistry([lacking, createMachine({ id: 'b' })]))).toMatchObject({ code: 'MACHINE_INVALID' });
  });
});

describe('an actor on disk', () => {
  const machine = named({ initial: 'cart', states: { cart: { invoke: { src: 'work' } }, paid: {} } }, { actors: { work } });
  const { actor } = began(machine, undefined, at(0));
  const stored: StoredTree = { root: storedOf(actor), others: [], closed: [] };
  const withRecord = (record: ActorRecord): StoredTree => ({ ...stored, root: { ...stored.root, record } });

  test('is brought back by its machine', () => {
    expect(revive(createRegistry([machine]), stored)).toMatchObject({ kind: 'tree', tree: { root: { record: actor.record } } });
  });

  test.each<[string, AnyStateMachine[], object]>([
    [
      'its machine is not registered',
      [],
      { reason: 'version-missing', failure: { message: 'Machine "shop" version "1" is not registered; give it to openRuntime.' } },
    ],
    ['its version is not registered', [named({ version: '2' })], { reason: 'version-missing' }],
    [
      'its activity is gone',
      [inState({})],
      { reason: 'activity-missing', failure: { message: 'Machine "shop" version "1" has no activity "work" any more.' } },
    ],
    [
      'its machine has another structure',
      [named({ initial: 'a', states: { a: { invoke: { src: 'work' } } } }, { actors: { work } })],
      { reason: 'version-missing' },
    ],
  ])('is parked if %s', (_, machines, park) => {
    expect(revive(createRegistry(machines), stored)).toMatchObject({ kind: 'parked', park });
  });

  test('needs no machine once it is closed', () => {
    const record = { ...actor.record, status: 'completed' as const, activities: [] };
    const closed: StoredTree = { root: { record, activities: [], children: [] }, others: [], closed: [] };
    const other = named({ initial: 'a', states: { a: {} } });
    for (const machines of [[], [other]]) {
      expect(revive(createRegistry(machines), closed)).toEqual({ kind: 'closed', record, isOver: true });
    }
    expect(revive(createRegistry([machine]), closed).kind).toBe('tree');
  });

  test('is parked if its record cannot be decoded', () => {
    const record = { ...actor.record, chart: { ...actor.record.chart, context: { a: { $type: 'Future' } } } };
    expect(revive(createRegistry([machine]), withRecord(record))).toMatchObject({ kind: 'parked', park: { reason: 'record-damaged' } });
    expect(damaged(new RangeError('torn'))).toEqual({
      reason: 'record-damaged',
      failure: expect.objectContaining({ class: 'RangeError', message: 'torn' }),
    });
  });
});

describe('a workflow of several actors on disk', () => {
  const part = (actors: object = { work }) =>
    createMachine({ id: 'part', invoke: { src: 'work' }, on: { 'workflow.cancel': {} } }, { actors });
  const shop = (actors: object) =>
    named({ initial: 'on', states: { on: { invoke: { src: 'part' }, on: { END: 'off' } }, off: { type: 'final' } } }, { actors });
  const machine = shop({ part: part() });
  const family = new Family(machine);

  test('is brought back with all of them, each on its own machine', () => {
    const revival = revive(createRegistry([machine]), treeIn(family.run));
    if (revival.kind !== 'tree') throw new Error(revival.kind);
    expect([...revival.tree.actors()].map((actor) => [actor.record.address.path, actor.machine.reference.id])).toEqual([
      [[], 'shop'],
      [[1], 'part'],
    ]);
  });

  test.each<[string, AnyStateMachine, object]>([
    [
      'a machine among its actors is gone',
      shop({ part: work }),
      { reason: 'activity-missing', failure: { message: expect.stringContaining('has no actor "part" any more') } },
    ],
    [
      'an activity of a child is gone',
      shop({ part: createMachine({ id: 'part' }) }),
      { reason: 'activity-missing', failure: { message: 'Machine "part" version "1" has no activity "work" any more.' } },
    ],
    [
      'a machine among its actors has another structure',
      shop({ part: createMachine({ id: 'part', invoke: { src: 'work' }, on: { OTHER: {} } }, { actors: { work } }) }),
      { reason: 'version-missing' },
    ],
  ])('is parked if %s', (_, changed, park) => {
    expect(revive(createRegistry([changed]), treeIn(family.run))).toMatchObject({ kind: 'parked', park });
  });

  test('stays closed when its machine is gone: a child that goes on waits for it', () => {
    const leaving = new Family(machine);
    leaving.send('END');
    expect(leaving.root.record.status).toBe('completed');
    expect(leaving.stored(1).record).toMatchObject({ status: 'running', isDetached: true });
    expect(revive(createRegistry([]), treeIn(leaving.run))).toEqual({ kind: 'closed', record: leaving.root.record, isOver: false });
    const revival = revive(createRegistry([machine]), treeIn(leaving.run));
    if (revival.kind !== 'tree') throw new Error(revival.kind);
    expect(revival.tree.get([1])?.record.status).toBe('running');
  });
});

test('a workflow that does not fit into its changed machine waits for one that it fits into, and is not called damaged', () => {
  const before = named({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } });
  const family = new Family(before);
  family.send('GO');
  const changed = named({ initial: 'a', states: { a: {}, c: {} } });
  expect(revive(createRegistry([changed], 'warn'), treeIn(family.run))).toMatchObject({
    kind: 'parked',
    park: { reason: 'version-missing', failure: { message: expect.stringContaining('this workflow does not fit into it') } },
  });
  const wider = named({ initial: 'a', states: { a: {}, b: {}, c: {} } });
  expect(revive(createRegistry([wider], 'warn'), treeIn(family.run))).toMatchObject({ kind: 'tree' });
});

test('an actor without code is missed, also where no state invokes it', () => {
  const lacking = named({}, { actors: { later: activity({ name: 'later' }) } });
  expect(thrownBy(() => createRegistry([lacking]))).toMatchObject({
    code: 'IMPLEMENTATION_MISSING',
    details: { missing: ['actor "later"'] },
  });
});

describe('a definition', () => {
  const states = (initial: string, names: readonly string[]) =>
    registerMachine(
      setup({}).createMachine({ id: 'm', version: '1', initial, states: Object.fromEntries(names.map((name) => [name, {}])) }),
    );

  test('is new, the same, or changed with its differences by state', () => {
    const before = states('a', ['a', 'b']);
    const stored = { machine: before.reference, structure: before.structure };
    expect(compareDefinition(before, undefined)).toEqual({ kind: 'new' });
    expect(compareDefinition(states('a', ['a', 'b']), stored)).toEqual({ kind: 'same' });
    const after = states('c', ['b', 'c']);
    const comparison = compareDefinition(after, stored);
    expect(comparison).toEqual({ kind: 'changed', differences: ['state "m.a" was removed', 'state "m.c" was added', 'state "m" changed'] });
  });

  test('that changed in a machine among its actors names it', () => {
    const inner = (initial: string) => createMachine({ id: 'inner', initial, states: { a: {}, b: {} } });
    const outer = (actors: object) => registerMachine(named({ invoke: { src: 'inner' } }, { actors }));
    const before = outer({ inner: inner('a') });
    const stored = { machine: before.reference, structure: before.structure };
    expect(compareDefinition(outer({ inner: inner('b') }), stored)).toEqual({
      kind: 'changed',
      differences: ['actor "inner": state "inner" changed'],
    });
    expect(compareDefinition(outer({ inner: work }), stored)).toEqual({ kind: 'changed', differences: ['actor "inner" was removed'] });
  });

  test('that changed is refused with the difference and the remedy', () => {
    const error = definitionChanged(states('a', ['a']), ['state "m.a" changed']);
    expect(error).toMatchObject({
      code: 'DEFINITION_CHANGED',
      details: { machine: 'm', version: '1', differences: ['state "m.a" changed'] },
    });
    expect(error.message).toContain('Machine "m" changed under the version "1"');
    expect(error.message).toContain('  - state "m.a" changed');
    expect(error.message).toContain('another version');
  });
});
