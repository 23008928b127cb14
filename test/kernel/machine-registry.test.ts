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
import { registerMachine } from '../../src/kernel/registered-machine.ts';
import { thrownBy } from './thrown.ts';
import { at, began } from './workflows.ts';

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
      'with a transition function as a child',
      inState({ invoke: { src: 'load' } }, { actors: { load: fromTransition(() => 1, 0) } }),
      'shop',
      ['state "shop.cart" invokes "load", which is not an activity; write it with activity({ run })'],
    ],
    [
      'with a machine as a child',
      inState({ invoke: { src: 'child' } }, { actors: { child: createMachine({ id: 'child' }) } }),
      'shop',
      ['state "shop.cart" invokes "child", which is not an activity'],
    ],
    [
      'with a callback as a child',
      inState({ invoke: { src: 'listen' } }, { actors: { listen: fromCallback(() => undefined) } }),
      'shop',
      ['state "shop.cart" invokes "listen", which is not an activity'],
    ],
    [
      'with inline logic that is no activity',
      inState({ invoke: { src: fromCallback(() => undefined) } }),
      'shop',
      ['state "shop.cart" invokes "xstate.invoke.0.shop.cart", which is not an activity'],
    ],
    [
      'with a systemId',
      inState({ invoke: { src: 'work', systemId: 'worker' } }, { actors: { work } }),
      'shop',
      ['state "shop.cart" gives "work" a systemId, which is not supported; leave it out'],
    ],
    [
      'with a listener to the snapshots of an activity',
      inState({ invoke: { src: 'work', onSnapshot: { actions: [] } } }, { actors: { work } }),
      'shop',
      ['state "shop.cart" listens to snapshots of "work" (onSnapshot), but an activity has none; leave it out'],
    ],
    [
      'with a named action of its own',
      inState({ entry: 'notify' }, { actions: { notify: () => undefined } }),
      'shop',
      ['state "shop.cart" has the action "notify" (entry), which would act outside of a commit; make it an activity'],
    ],
    ['with an action written in place', inState({ exit: () => undefined }), 'shop', ['state "shop.cart" has the action "(inline)" (exit)']],
    [
      'with an action on a transition',
      inState({ on: { PAY: { actions: [assign({}), { type: 'notify', params: {} }] } } }, { actions: { notify: () => undefined } }),
      'shop',
      ['state "shop.cart" has the action "notify" (PAY)'],
    ],
    [
      'with an action on an activity’s end',
      inState({ invoke: { src: 'work', onDone: { actions: () => undefined } } }, { actors: { work } }),
      'shop',
      ['state "shop.cart" has the action "(inline)" (xstate.done.actor.0.shop.cart)'],
    ],
    [
      'with an action on an eternal transition',
      inState({ always: { actions: () => undefined } }),
      'shop',
      ['has the action "(inline)" (always)'],
    ],
    [
      'with an action on a delay',
      inState({ after: { 5: { actions: () => undefined } } }),
      'shop',
      ['"(inline)" (xstate.after.5.shop.cart)'],
    ],
    [
      'with an action on its initial transition',
      named({ initial: { target: 'cart', actions: () => undefined }, states: { cart: {} } }),
      'shop',
      ['state "shop" has the action "(inline)" (initial)'],
    ],
    ['with sendTo', inState({ entry: sendTo('other', { type: 'HI' }) }), 'shop', ['has the action "xstate.sendTo" (entry)']],
    ['with emit', inState({ entry: emit({ type: 'HI' }) }), 'shop', ['has the action "xstate.emit" (entry)']],
    ['with log', inState({ entry: log('hi') }), 'shop', ['has the action "xstate.log" (entry)']],
    [
      'with spawnChild',
      inState({ entry: spawnChild('work') }, { actors: { work } }),
      'shop',
      ['has the action "xstate.spawnChild" (entry)'],
    ],
    ['with stopChild', inState({ entry: stopChild('work') }), 'shop', ['has the action "xstate.stopChild" (entry)']],
    [
      'with emit under a name',
      inState({ entry: 'tell' }, { actions: { tell: emit({ type: 'HI' }) } }),
      'shop',
      ['has the action "xstate.emit" (entry)'],
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
    const machine = createMachine({
      initial: 'a',
      entry: () => undefined,
      states: { a: { invoke: { src: fromCallback(() => undefined) } } },
    });
    const error = thrownBy(() => registerMachine(machine)) as PerdureError<'MACHINE_INVALID'>;
    expect(error.details.problems).toHaveLength(4);
  });

  test('with its message saying which action would act, wherever states nest', () => {
    const machine = named(
      { type: 'parallel', states: { a: { initial: 'b', states: { b: { on: { X: { actions: 'act' } } } } } } },
      { actions: { act: () => 1 } },
    );
    expect(thrownBy(() => registerMachine(machine))).toHaveProperty(
      'message',
      expect.stringContaining('state "shop.a.b" has the action "act" (X)'),
    );
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
  const stored = { record: actor.record, activities: [...actor.activities.values()] };

  test('is brought back by its machine', () => {
    expect(revive(createRegistry([machine]), stored)).toMatchObject({ kind: 'actor', actor: { record: actor.record } });
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
    const other = named({ initial: 'a', states: { a: {} } });
    for (const machines of [[], [other]]) {
      expect(revive(createRegistry(machines), { record, activities: [] })).toEqual({ kind: 'closed', record });
    }
    expect(revive(createRegistry([machine]), { record, activities: [] }).kind).toBe('actor');
  });

  test('is parked if its record cannot be decoded', () => {
    const record = { ...actor.record, chart: { ...actor.record.chart, context: { a: { $type: 'Future' } } } };
    expect(revive(createRegistry([machine]), { ...stored, record })).toMatchObject({ kind: 'parked', park: { reason: 'record-damaged' } });
    expect(damaged(new RangeError('torn'))).toEqual({
      reason: 'record-damaged',
      failure: expect.objectContaining({ class: 'RangeError', message: 'torn' }),
    });
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
