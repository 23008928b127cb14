import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { Family } from './families.ts';
import { child, parentClosePolicyOf } from '../../src/kernel/child.ts';

test('a child says on which terms it is one, elsewhere it may be on others', () => {
  const machine = setup({}).createMachine({ id: 'm' });
  expect(parentClosePolicyOf(child(machine, { parentClosePolicy: 'abandon' }))).toBe('abandon');
  expect(parentClosePolicyOf(machine)).toBe('request-cancel');
});

test('what is no machine, and a policy that is none, are refused', () => {
  expect(() => child('part' as never, { parentClosePolicy: 'abandon' })).toThrow('takes a machine as its first argument; found "part"');
  const machine = setup({}).createMachine({ id: 'm' });
  expect(() => child(machine, { parentClosePolicy: 'forget' as never })).toThrow("'terminate' or 'abandon'; found \"forget\"");
  expect(() => child(machine, undefined as never)).toThrow('found undefined');
});

test('a child that is stopped hears why', () => {
  const curious = setup({ types: { context: {} as { why: unknown } } }).createMachine({
    id: 'curious',
    context: { why: undefined },
    on: { 'workflow.cancel': { actions: assign({ why: ({ event }) => event['reason'] as unknown }) } },
  });
  const parent = setup({ actors: { curious } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'curious' }, on: { LEAVE: 'left' } }, left: {} },
  });
  const family = new Family(parent);
  family.send('LEAVE');
  expect(family.stored(1).record.chart.context).toEqual({ why: 'Its parent closed, or left the state it belongs to.' });
});
