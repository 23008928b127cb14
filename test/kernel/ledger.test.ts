import { expect, test } from 'vitest';
import { activity } from '../../src/kernel/activity.ts';
import { setup } from 'xstate';
import { at, began, completed, decidedOn, took } from './workflows.ts';

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

test('an actor that unwinds nothing makes nothing of what an unwinding would be told', () => {
  const { actor } = began(order);
  const entry = [...actor.ledger.values()][0]!;
  expect(decidedOn(actor, { kind: 'undo-over' }, at(2_000))).toEqual({ kind: 'ignore' });
  expect(decidedOn(actor, { kind: 'undo-entry', entry }, at(2_000))).toEqual({ kind: 'ignore' });
});
