import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { openDraft } from '../../src/kernel/draft.ts';
import { seal } from '../../src/kernel/seal.ts';
import { at, began } from './workflows.ts';

const { actor } = began(setup({}).createMachine({ id: 'quiet', version: '1' }));
const start = { kind: 'start', input: null } as const;

test('the first step of an actor comes with a chart, and leaves it running unless it says otherwise', () => {
  const { machine, record, chart } = actor;
  const draft = openDraft(record.address, machine, undefined, at(1_000));
  expect(() => seal(draft, undefined, start, { outcome: 'noted' })).toThrow('A first step comes with a chart.');
  const encoded = { chart: record.chart, delta: { set: {}, removed: [] } };
  expect(seal(draft, undefined, start, { outcome: 'applied', stepped: { chart, encoded } }).commit).toMatchObject({
    base: 0,
    record: { status: 'running', sequence: 1 },
  });
});

test('what is parked stays so over what is noted of it; who ends leaves nothing parked, who had ended keeps what is', () => {
  const parked = { reason: 'poison', failure: { class: 'Error', message: 'broke' } } as const;
  const parkedAfter = (before: 'parked' | 'completed', status: 'parked' | 'terminated' | 'completed') => {
    const held = { ...actor, record: { ...actor.record, status: before, parked } };
    const draft = openDraft(held.record.address, held.machine, held, at(1_000));
    return seal(draft, held, { kind: 'terminate', reason: 'enough' }, { outcome: 'noted', status }).commit.record.parked;
  };
  expect(parkedAfter('parked', 'parked')).toEqual(parked);
  expect(parkedAfter('parked', 'terminated')).toBeUndefined();
  expect(parkedAfter('completed', 'completed')).toEqual(parked);
});
