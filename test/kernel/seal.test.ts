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
