import { expect, test } from 'vitest';
import { emit, setup } from 'xstate';
import { historyEntry } from '../../src/kernel/history.ts';
import { began, signal, took } from './workflows.ts';

test('an entry of the history has events as they were sent and emitted', () => {
  const machine = setup({}).createMachine({
    id: 'm',
    version: '1',
    on: { SELL: { actions: emit({ type: 'SOLD', at: new Date(5) } as never) } },
  });
  const { journal } = took(began(machine).actor, signal('SELL', { amount: 5n })).commit;
  expect(historyEntry({ ...journal, commit: 9 })).toEqual({
    step: 2,
    sequence: 2,
    commit: 9,
    atMs: 2_000,
    kind: 'signal',
    event: { type: 'SELL', amount: 5n },
    outcome: 'applied',
    status: 'running',
    value: {},
    emitted: [{ type: 'SOLD', at: new Date(5) }],
  });
});
