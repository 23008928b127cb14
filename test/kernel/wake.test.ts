import { describe, expect, test } from 'vitest';
import { raise, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import type { StepEnvelope } from '../../src/kernel/envelope.ts';
import { Family } from './families.ts';
import { at, began, failed, signal, took, treeOf } from './workflows.ts';

const work = activity<unknown, unknown>({ run: () => 1, retry: { initialInterval: '10s', jitter: 'none' } });
const machine = setup({ actors: { work } }).createMachine({
  id: 'busy',
  version: '1',
  initial: 'a',
  entry: [raise({ type: 'SOON' }, { delay: 3_000 }), raise({ type: 'NOW' }, { delay: 0 })],
  states: {
    a: {
      invoke: [
        { src: 'work', id: 'one' },
        { src: 'work', id: 'two' },
      ],
      after: { 20_000: 'a' },
      on: { END: 'b', POISON: { guard: () => poison() } },
    },
    b: { type: 'final' },
  },
});

function poison(): never {
  throw new Error('poison');
}

const start = began(machine, undefined, at(1_000)).actor;
const failedOnce = took(start, failed(1, new Error('x')), at(2_000)).actor;
const [first, backingOff] = [treeOf(start), treeOf(failedOnce)];
const root = (envelope: StepEnvelope) => ({ to: [], envelope });

describe('what an actor waits for', () => {
  test('is known by its next moment', () => {
    expect(wakeAt(first)).toBe(1_000);
    expect(wakeAt(backingOff)).toBe(1_000);
  });

  test('is due in order of time, each once', () => {
    expect(due(backingOff, 999)).toEqual([]);
    expect(due(backingOff, 1_000)).toEqual([root({ kind: 'timer', generation: 2 })]);
    expect(due(backingOff, 11_999)).toEqual([root({ kind: 'timer', generation: 2 }), root({ kind: 'timer', generation: 1 })]);
    expect(due(backingOff, Infinity)).toEqual([
      root({ kind: 'timer', generation: 2 }),
      root({ kind: 'timer', generation: 1 }),
      root({ kind: 'attempt-due', n: 1 }),
      root({ kind: 'timer', generation: 3 }),
    ]);
  });

  test('includes activities without a place, due since they wait', () => {
    const waiting = treeOf(began(machine, undefined, at(5_000, { admit: () => false })).actor);
    expect(due(waiting, 5_000)).toContainEqual(root({ kind: 'attempt-due', n: 1 }));
    expect(due(waiting, 5_000)).toContainEqual(root({ kind: 'attempt-due', n: 2 }));
  });

  test('is nothing if only a message can move it', () => {
    const quiet = treeOf(began(setup({}).createMachine({ id: 'quiet', version: '1' })).actor);
    expect(wakeAt(quiet)).toBeUndefined();
    expect(due(quiet, Infinity)).toEqual([]);
  });

  test.each([
    ['closed', took(failedOnce, signal('END')).actor],
    ['parked', took(failedOnce, signal('POISON')).actor],
  ])('is nothing once it is %s', (status, actor) => {
    expect(actor.record.status === 'parked' ? 'parked' : 'closed').toBe(status);
    const tree = treeOf(actor);
    expect(wakeAt(tree)).toBeUndefined();
    expect(due(tree, Infinity)).toEqual([]);
    if (status === 'closed') expect(lostAttempts(tree)).toEqual([]);
  });
});

describe('a workflow of several actors', () => {
  const part = setup({ actors: { work } }).createMachine({
    id: 'part',
    invoke: { src: 'work' },
    initial: 'a',
    states: { a: { after: { 2_000: 'b' } }, b: {} },
    on: { POISON: { guard: () => poison() } },
  });
  const parent = setup({ actors: { part, work } }).createMachine({
    id: 'parent',
    version: '1',
    invoke: [{ src: 'part', id: 'one' }, { src: 'part', id: 'two' }, { src: 'work' }],
    initial: 'a',
    states: { a: { after: { 3_000: 'b' } }, b: {} },
    on: { POISON: { guard: () => poison() } },
  });

  test('is woken for whoever of them is due first, and told whose it is', () => {
    const family = new Family(parent).reopen();
    family.tell([2], failed(1, new Error('x')));
    expect(wakeAt(family.tree)).toBe(3_000);
    expect(due(family.tree, 3_000).map(({ to }) => to)).toEqual([[1], [2]]);
    expect(due(family.tree, Infinity).map(({ to, envelope }) => [to, envelope.kind])).toEqual([
      [[1], 'timer'],
      [[2], 'timer'],
      [[], 'timer'],
      [[2], 'attempt-due'],
    ]);
  });

  test('lost the attempts of all of them', () => {
    const { tree } = new Family(parent).reopen();
    expect(lostAttempts(tree).map(({ to, envelope }) => [to, envelope.kind])).toEqual([
      [[], 'attempt-lost'],
      [[1], 'attempt-lost'],
      [[2], 'attempt-lost'],
    ]);
  });

  test('waits for nothing once its root is parked, and hears later of the attempts that were lost', () => {
    const family = new Family(parent);
    family.send('POISON');
    expect(due(family.reopen().tree, Infinity)).toEqual([]);
    const lost = lostAttempts(family.tree);
    expect(lost.map(({ to }) => to)).toEqual([[], [1], [2]]);
    for (const { to, envelope } of lost) family.tell(to, envelope);
    expect(lostAttempts(family.reopen().tree)).toEqual([]);
    expect(family.stored().mail.map(({ to, envelope }) => [to, envelope.kind])).toEqual([
      [[], 'signal'],
      [[], 'attempt-lost'],
      [[1], 'attempt-lost'],
      [[2], 'attempt-lost'],
    ]);
  });
});

test('attempts of a parked workflow are lost, too, unless their outcome waits in the mailbox', () => {
  const parked = took(failedOnce, signal('POISON')).actor;
  expect(lostAttempts(treeOf(parked))).toEqual([root({ kind: 'attempt-lost', n: 2, attempt: 1 })]);
  expect(lostAttempts(treeOf(took(parked, { kind: 'attempt-lost', n: 2, attempt: 1 }).actor))).toEqual([]);
});

test('attempts that ran when the process died are lost; those that wait are not', () => {
  expect(lostAttempts(backingOff)).toEqual([root({ kind: 'attempt-lost', n: 2, attempt: 1 })]);
  expect(lostAttempts(first)).toEqual([root({ kind: 'attempt-lost', n: 1, attempt: 1 }), root({ kind: 'attempt-lost', n: 2, attempt: 1 })]);
});
