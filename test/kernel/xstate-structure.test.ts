import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { and, assign, createMachine, not, or, raise } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { Json } from '../../src/kernel/json.ts';
import { differingStates, hashStructure, stateOfAfter, structureOf } from '../../src/kernel/xstate-structure.ts';

const machineOf = (config: object, implementations: object = {}): AnyStateMachine =>
  createMachine({ id: 'm', version: '1', ...config } as never, implementations as never) as AnyStateMachine;
const hashOf = (config: object, implementations: object = {}): string => hashStructure(structureOf(machineOf(config, implementations)));

const base = {
  initial: 'a',
  states: {
    a: {
      on: { GO: { guard: 'isOpen', target: 'b', actions: 'note' }, STAY: {} },
      after: { 1_000: 'b' },
      always: { guard: 'isDone', target: 'c' },
      invoke: { src: 'work', id: 'job', onDone: 'b', onError: 'c' },
      tags: ['busy'],
      entry: raise({ type: 'GO' }, { delay: 50 }),
      exit: assign({}),
    },
    b: { initial: 'one', states: { one: {}, two: {}, past: { type: 'history', target: 'one' } } },
    c: { type: 'final' },
  },
};
const baseHash = hashOf(base);

const inA = (change: object): object => ({ ...base, states: { ...base.states, a: { ...base.states.a, ...change } } });
const inB = (change: object): object => ({ ...base, states: { ...base.states, b: { ...base.states.b, ...change } } });

test('a timer is known by its state, whether its delay is a number or a name', () => {
  const machine = createMachine({
    id: 'm',
    initial: 'a',
    states: { a: { after: { 1_000: 'b', '5e3': 'b' } }, b: { after: { 'my.delay': 'a' } } },
  });
  expect(stateOfAfter(machine, 'xstate.after.1000.m.a')).toBe('m.a');
  expect(stateOfAfter(machine, 'xstate.after.5000.m.a')).toBe('m.a');
  expect(stateOfAfter(machine, 'xstate.after.my.delay.m.b')).toBe('m.b');
  expect(stateOfAfter(machine, 'xstate.after.1000.m.b')).toBeUndefined();
  expect(stateOfAfter(machine, undefined)).toBeUndefined();
});

describe('the hash of a structure stays the same', () => {
  test.each<[string, object, object?]>([
    ['for the same chart made twice', base],
    [
      'with other code behind the names',
      base,
      { guards: { isOpen: () => false }, actions: { note: assign({}) }, actors: { work: activity({ run: () => 1 }) } },
    ],
    ['with another body of an action in place', inA({ exit: assign(() => ({ anything: 'else' })) })],
    ['with another context', { ...base, context: { a: 1 } }],
    ['with another output', { ...base, output: () => 5 }],
    ['with a description or meta data', { ...base, description: 'a shop', meta: { colour: 'red' } }],
    ['with another version', { ...base, version: '2' }],
    ['with the keys of a state in another order', inA(Object.fromEntries(Object.entries(base.states.a).reverse()))],
    ['with one target in an array', inA({ after: { 1_000: [{ target: ['b'] }] } })],
    ['with an input to its activity', inA({ invoke: { ...base.states.a.invoke, input: { size: 1 } } })],
  ])('%s', (_, config, implementations) => {
    expect(hashOf(config, implementations)).toBe(baseHash);
  });
});

test('a joined guard is known by what it does, whatever a bundler calls its function', () => {
  const renamed = <Guard>(guard: Guard): Guard => Object.defineProperty(guard, 'name', { value: 't' });
  for (const join of [and, or]) {
    const guard = join(['isDone', 'isOpen']);
    const before = hashOf(inA({ always: { guard, target: 'c' } }));
    expect(hashOf(inA({ always: { guard: renamed(guard), target: 'c' } }))).toBe(before);
  }
});

describe('the hash of a structure changes', () => {
  const changes: readonly [string, object][] = [
    ['with a state more', { ...base, states: { ...base.states, d: {} } }],
    ['with a state less', { ...base, states: { a: base.states.a, c: base.states.c, b: {} } }],
    ['with another initial state', { ...base, initial: 'b' }],
    ['with an event more', inA({ on: { ...base.states.a.on, OTHER: 'b' } })],
    ['with another target', inA({ on: { ...base.states.a.on, GO: { guard: 'isOpen', target: 'c', actions: 'note' } } })],
    ['with another guard', inA({ on: { ...base.states.a.on, GO: { guard: 'isShut', target: 'b', actions: 'note' } } })],
    ['with a guard in place of a named one', inA({ on: { ...base.states.a.on, GO: { guard: () => true, target: 'b', actions: 'note' } } })],
    ['without its guard', inA({ on: { ...base.states.a.on, GO: { target: 'b', actions: 'note' } } })],
    ['with a guard turned round', inA({ always: { guard: not('isDone'), target: 'c' } })],
    ['with guards joined by and', inA({ always: { guard: and(['isDone', 'isOpen']), target: 'c' } })],
    ['with guards joined by or', inA({ always: { guard: or(['isDone', 'isOpen']), target: 'c' } })],
    ['with another action', inA({ on: { ...base.states.a.on, GO: { guard: 'isOpen', target: 'b', actions: 'other' } } })],
    ['with an action more', inA({ entry: [base.states.a.entry, 'note'] })],
    ['without its exit action', inA({ exit: [] })],
    ['with another delay', inA({ after: { 2_000: 'b' } })],
    ['with a named delay', inA({ after: { soon: 'b' } })],
    ['with another delay of a raised event', inA({ entry: raise({ type: 'GO' }, { delay: 60 }) })],
    ['with another raised event', inA({ entry: raise({ type: 'STAY' }, { delay: 50 }) })],
    ['with a transition that enters again', inA({ on: { ...base.states.a.on, STAY: { target: 'a', reenter: true } } })],
    ['with another activity', inA({ invoke: { ...base.states.a.invoke, src: 'other' } })],
    ['with another id of its activity', inA({ invoke: { ...base.states.a.invoke, id: 'task' } })],
    ['with another end of its activity', inA({ invoke: { ...base.states.a.invoke, onDone: 'c' } })],
    ['with another tag', inA({ tags: ['idle'] })],
    ['with another type', inB({ type: 'parallel', initial: undefined })],
    ['with a final state made an ordinary one', { ...base, states: { ...base.states, c: {} } }],
    ['with a deep history', inB({ states: { ...base.states.b.states, past: { type: 'history', history: 'deep', target: 'one' } } })],
    ['with another target of a history', inB({ states: { ...base.states.b.states, past: { type: 'history', target: 'two' } } })],
    [
      'with its states in another order, which is that of their entry',
      { ...base, states: { b: base.states.b, a: base.states.a, c: base.states.c } },
    ],
    ['with an action on the way to its initial state', inB({ initial: { target: 'one', actions: 'note' } })],
    ['with another id', { ...base, id: 'n' }],
  ];

  test.each(changes)('%s', (_, config) => {
    expect(hashOf(config)).not.toBe(baseHash);
  });

  test('differently for each change', () => {
    const hashes = changes.map(([, config]) => hashOf(config));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test('for every guard that is joined in another way', () => {
    const guards = [
      and(['isDone', 'isOpen']),
      or(['isDone', 'isOpen']),
      and(['isOpen', 'isDone']),
      not(and(['isDone', 'isOpen'])),
      not('isDone'),
    ];
    const hashes = guards.map((guard) => hashOf(inA({ always: { guard, target: 'c' } })));
    expect(new Set(hashes).size).toBe(guards.length);
  });
});

test('a structure is plain data that survives the way to disk', () => {
  const structure = structureOf(machineOf(base));
  expect(JSON.parse(JSON.stringify(structure))).toStrictEqual(structure);
  expect(hashStructure(JSON.parse(JSON.stringify(structure)) as Json)).toBe(baseHash);
  expect(baseHash).toMatch(/^[0-9a-f]{32}$/);
});

test('states come in the order of the document, the root first', () => {
  const { states } = structureOf(machineOf(base)) as { states: { id: string }[] };
  expect(states.map(({ id }) => id)).toEqual(['m', 'm.a', 'm.b', 'm.b.one', 'm.b.two', 'm.b.past', 'm.c']);
});

test('differences name machines that were added among the actors, and do not go round in circles', () => {
  const plain = structureOf(machineOf(base)) as Readonly<Record<string, Json>>;
  const withActors = (actors: Readonly<Record<string, Json>>): Json => ({ ...plain, actors });
  expect(differingStates(withActors({}), withActors({ part: plain }))).toEqual(['actor "part" was added']);
  expect(differingStates(withActors({ part: 'm' }), withActors({ part: 'm' }))).toEqual([]);
  expect(differingStates(withActors({ part: plain }), withActors({ part: 'm' }))).toEqual(['actor "part" changed']);
});

test('differences name the states that were removed, added and changed', () => {
  const before = structureOf(machineOf(base));
  expect(differingStates(before, before)).toEqual([]);
  expect(differingStates(before, structureOf(machineOf(inA({ tags: ['idle'] }))))).toEqual(['state "m.a" changed']);
  const { a, b } = base.states;
  expect(
    differingStates(before, structureOf(machineOf({ initial: 'a', states: { a: { ...a, invoke: [], on: {}, always: [] }, b, d: {} } }))),
  ).toEqual(['state "m.c" was removed', 'state "m.d" was added', 'state "m.a" changed']);
});
