import { expect, test } from 'vitest';
import { setup } from 'xstate';
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
