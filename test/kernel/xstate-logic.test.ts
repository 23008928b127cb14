import { describe, expect, test } from 'vitest';
import { createMachine, fromCallback, fromEventObservable, fromObservable, fromPromise, fromTransition } from 'xstate';
import type { EventObject } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { LogicKind } from '../../src/kernel/xstate-logic.ts';
import { kindOfLogic, promiseCreatorOf } from '../../src/kernel/xstate-logic.ts';

const calls: string[] = [];
const never = (name: string) => (): never => {
  calls.push(name);
  throw new Error(`${name} was called`);
};

const made: readonly [LogicKind, unknown][] = [
  ['activity', activity({ run: never('activity') })],
  ['activity', activity({ name: 'declared' })],
  ['promise', fromPromise(never('promise'))],
  ['machine', createMachine({ context: never('machine') })],
  ['transition', fromTransition(never('transition'), never('context'))],
  ['transition', fromTransition(never('transition'), 0)],
  ['callback', fromCallback(never('callback'))],
  ['observable', fromObservable(never('observable'))],
  ['event-observable', fromEventObservable(never('event observable') as () => { subscribe: () => { unsubscribe: () => void } })],
];

describe('the kind of an actor logic', () => {
  test.each(made)('is told: %s', (kind, logic) => {
    expect(kindOfLogic(logic)).toBe(kind);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a name', 'promise'],
    ['a function', async () => 1],
    ['an empty object', {}],
    ['a promise', Promise.resolve(1)],
  ])('of %s is unknown', (_, logic) => {
    expect(kindOfLogic(logic)).toBe('unknown');
  });

  test('of logic that XState did not make is unknown, and it is not asked', () => {
    const own = {
      transition: never('own transition') as (snapshot: object, event: EventObject) => object,
      getInitialSnapshot: never('own snapshot'),
      getPersistedSnapshot: never('own persisted'),
    };
    expect(kindOfLogic(own)).toBe('unknown');
    expect(kindOfLogic({ ...own, start: never('own start') })).toBe('unknown');
  });

  test('of logic that is made as XState makes it, but keeps other things, is unknown', () => {
    const logic = {
      config: () => undefined,
      start: () => undefined,
      transition: (snapshot: object) => snapshot,
      getInitialSnapshot: () => ({}),
      getPersistedSnapshot: () => ({}),
      restoreSnapshot: () => ({}),
    };
    expect(kindOfLogic(logic)).toBe('unknown');
    expect(kindOfLogic({ ...logic, transition: never('transition') })).toBe('unknown');
  });

  test('is found without calling the code of users', () => {
    calls.length = 0;
    for (const [, logic] of made) kindOfLogic(logic);
    expect(calls).toEqual([]);
  });

  test('promise gives the function it was made of', () => {
    const creator = async (): Promise<number> => Promise.resolve(1);
    expect(promiseCreatorOf(fromPromise(creator))).toBe(creator);
  });
});
