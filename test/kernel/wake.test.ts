import { describe, expect, test } from 'vitest';
import { raise, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import { at, began, failed, signal, took } from './workflows.ts';

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

const first = began(machine, undefined, at(1_000)).actor;
const backingOff = took(first, failed(1, new Error('x')), at(2_000)).actor;

describe('what an actor waits for', () => {
  test('is known by its next moment', () => {
    expect(wakeAt(first)).toBe(1_000);
    expect(wakeAt(backingOff)).toBe(1_000);
  });

  test('is due in order of time, each once', () => {
    expect(due(backingOff, 999)).toEqual([]);
    expect(due(backingOff, 1_000)).toEqual([{ kind: 'timer', generation: 2 }]);
    expect(due(backingOff, 11_999)).toEqual([
      { kind: 'timer', generation: 2 },
      { kind: 'timer', generation: 1 },
    ]);
    expect(due(backingOff, Infinity)).toEqual([
      { kind: 'timer', generation: 2 },
      { kind: 'timer', generation: 1 },
      { kind: 'attempt-due', n: 1 },
      { kind: 'timer', generation: 3 },
    ]);
  });

  test('includes activities without a place, due since they wait', () => {
    const waiting = began(machine, undefined, at(5_000, { admit: () => false })).actor;
    expect(due(waiting, 5_000)).toContainEqual({ kind: 'attempt-due', n: 1 });
    expect(due(waiting, 5_000)).toContainEqual({ kind: 'attempt-due', n: 2 });
  });

  test('is nothing if only a message can move it', () => {
    const quiet = began(setup({}).createMachine({ id: 'quiet', version: '1' })).actor;
    expect(wakeAt(quiet)).toBeUndefined();
    expect(due(quiet, Infinity)).toEqual([]);
  });

  test.each([
    ['closed', took(backingOff, signal('END')).actor],
    ['parked', took(backingOff, signal('POISON')).actor],
  ])('is nothing once it is %s', (status, actor) => {
    expect(actor.record.status === 'parked' ? 'parked' : 'closed').toBe(status);
    expect(wakeAt(actor)).toBeUndefined();
    expect(due(actor, Infinity)).toEqual([]);
    if (status === 'closed') expect(lostAttempts(actor)).toEqual([]);
  });
});

test('attempts of a parked workflow are lost, too, unless their outcome waits in the mailbox', () => {
  const parked = took(backingOff, signal('POISON')).actor;
  expect(lostAttempts(parked)).toEqual([{ kind: 'attempt-lost', n: 2, attempt: 1 }]);
  expect(lostAttempts(took(parked, { kind: 'attempt-lost', n: 2, attempt: 1 }).actor)).toEqual([]);
});

test('attempts that ran when the process died are lost; those that wait are not', () => {
  expect(lostAttempts(backingOff)).toEqual([{ kind: 'attempt-lost', n: 2, attempt: 1 }]);
  expect(lostAttempts(first)).toEqual([
    { kind: 'attempt-lost', n: 1, attempt: 1 },
    { kind: 'attempt-lost', n: 2, attempt: 1 },
  ]);
});
