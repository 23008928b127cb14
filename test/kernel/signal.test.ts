import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { firstOutcome } from '../../src/kernel/signal.ts';
import { began } from './workflows.ts';

const { record } = began(setup({}).createMachine({ id: 'quiet', version: '1' })).actor;
const known = { workflowId: 'w-1', messageId: 'm', run: 1, sequence: 7, outcome: 'applied', atMs: 1_000 } as const;
const answer = { sequence: 7, outcome: 'applied' };

test('a message that is repeated is answered as it was, as long as it is remembered and for the run it was sent to', () => {
  expect(firstOutcome(record, known, { nowMs: 1e15, retentionMs: undefined })).toEqual(answer);
  expect(firstOutcome(record, known, { nowMs: 1_500, retentionMs: 500 })).toEqual(answer);
  expect(firstOutcome(record, known, { nowMs: 1_501, retentionMs: 500 })).toBeUndefined();
  expect(firstOutcome(record, { ...known, run: 2 }, { nowMs: 1_500, retentionMs: undefined })).toBeUndefined();
  expect(firstOutcome(record, undefined, { nowMs: 1_500, retentionMs: undefined })).toBeUndefined();
});
