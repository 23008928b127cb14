import { describe, expect, test } from 'vitest';
import { activity } from '../../src/kernel/activity.ts';
import { setup } from 'xstate';
import { Family } from './families.ts';
import { at, began, completed, decidedOn, failed, pending, signal, took } from './workflows.ts';

const order = setup({
  actors: { pay: activity<unknown, string>({ run: () => 'paid', compensate: { run: () => undefined } }) },
}).createMachine({
  id: 'order',
  version: '1',
  initial: 'paying',
  states: { paying: { invoke: { src: 'pay', onDone: 'paid' } }, paid: {} },
});

test('an undo is registered in the commit that schedules its activity, before an attempt begins', () => {
  const { commit } = began(order);
  expect(commit.ledgerPut).toEqual([
    { n: 1, src: 'pay', name: 'order.pay', outcome: 'pending', input: { $type: 'undefined' }, idempotencyKey: 'w-1:1::1' },
  ]);
  expect(commit.effects).toMatchObject([{ kind: 'run-attempt', n: 1, attempt: 1 }]);
  expect(commit.record.ledger).toBe(1);
});

test('its entry gains the output in the commit that delivers it', () => {
  const { commit } = took(began(order).actor, completed(1, 'r-7'));
  expect(commit.ledgerPut).toMatchObject([{ n: 1, outcome: 'completed', output: 'r-7', settledAt: 2 }]);
});

test('what is begun and left in one step leaves nothing to undo', () => {
  const hasty = setup({ actors: { pay: activity<unknown, string>({ run: () => 'paid', compensate: { run: () => undefined } }) } });
  const machine = hasty.createMachine({
    id: 'hasty',
    version: '1',
    initial: 'idle',
    states: { idle: { on: { GO: 'paying' } }, paying: { invoke: { src: 'pay' }, always: { guard: () => true, target: 'gone' } }, gone: {} },
  });
  const { commit } = took(began(machine).actor, signal('GO'));
  expect(commit.record.chart.value).toBe('gone');
  expect([commit.ledgerPut, commit.ledgerRemoved]).toEqual([[], []]);
  expect(commit.record).not.toHaveProperty('ledger');
});

describe('while it is undone', () => {
  const risky = setup({
    actors: {
      pay: activity<unknown, string>({ run: () => 'paid', compensate: { run: () => undefined }, retry: { initialInterval: '1s' } }),
    },
  }).createMachine({ id: 'risky', version: '1', invoke: { src: 'pay' } });

  test('what waits for its next attempt is not begun again, though it is due before it hears of its end', () => {
    const backedOff = took(began(risky).actor, failed(1, new Error('no'))).actor;
    expect(pending(backedOff).state).toBe('backoff');
    const asked = took(backedOff, { kind: 'undo-next', from: [7] }).actor;
    expect(pending(asked).state).toBe('backoff');
    expect(decidedOn(asked, { kind: 'attempt-due', n: 1 }, at(99_000))).toEqual({ kind: 'ignore' });
  });

  test('an unwinding that was terminated takes what its undo came to for what it is: too late', () => {
    const family = new Family(order);
    family.tell([], completed(1, 'r-7'));
    family.tell([], { kind: 'cancel', reason: 'enough' });
    expect(family.root.record.status).toBe('compensating');
    const unwinding = [...family.tree.actors()].find(({ machine }) => machine.isUnwinding === true)!;
    const { path } = unwinding.record.address;
    family.tell(path, { kind: 'attempt-due', n: 1 });
    family.tell(path, { kind: 'terminate', reason: 'at once' });
    const [late] = family.tell(path, completed(1));
    expect(late!.journal.outcome).toBe('late');
  });
});

test('an actor that unwinds nothing makes nothing of what an unwinding would be told', () => {
  const { actor } = began(order);
  const entry = [...actor.ledger.values()][0]!;
  expect(decidedOn(actor, { kind: 'undo-over' }, at(2_000))).toEqual({ kind: 'ignore' });
  expect(decidedOn(actor, { kind: 'undo-entry', entry }, at(2_000))).toEqual({ kind: 'ignore' });
});
