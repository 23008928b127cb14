import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import type { ActEnvelope } from '../../src/kernel/envelope.ts';
import { deletionRefusal } from '../../src/kernel/deletion.ts';
import { actOf, control } from '../../src/kernel/pause.ts';
import type { ActorRecord, WorkflowStatus } from '../../src/kernel/record.ts';
import { began } from './workflows.ts';

const first = began(setup({}).createMachine({ id: 'quiet', version: '1' })).actor.record;

function recordOf(status: WorkflowStatus): ActorRecord {
  const parked = { reason: 'poison' as const, failure: { class: 'Error', message: 'broke' } };
  if (status === 'paused') return { ...first, status, paused: { atMs: 2_000, by: 'eva' } };
  return status === 'parked' ? { ...first, status, parked } : { ...first, status };
}

function outcomeOf(status: WorkflowStatus, kind: ActEnvelope['kind']): string {
  const decision = control(recordOf(status), { kind, by: 'ada' }, { nowMs: 9_000 });
  if (decision.kind === 'refuse') return decision.error.code;
  return decision.kind === 'commit' ? decision.commit.record.status : 'nothing';
}

describe('what a person asks of the engine', () => {
  test.each<[WorkflowStatus, string, string, string]>([
    ['running', 'paused', 'nothing', 'WORKFLOW_NOT_PARKED'],
    ['paused', 'nothing', 'running', 'WORKFLOW_NOT_PARKED'],
    ['parked', 'WORKFLOW_PARKED', 'WORKFLOW_PARKED', 'running'],
    ['completed', 'WORKFLOW_CLOSED', 'WORKFLOW_CLOSED', 'WORKFLOW_CLOSED'],
    ['terminated', 'WORKFLOW_CLOSED', 'WORKFLOW_CLOSED', 'WORKFLOW_CLOSED'],
  ])('of one that is %s: pause %s, resume %s, unpark %s', (status, pause, resume, unpark) => {
    expect([outcomeOf(status, 'pause'), outcomeOf(status, 'resume'), outcomeOf(status, 'unpark')]).toEqual([pause, resume, unpark]);
  });

  test('is journaled with who and why, never before the record it follows', () => {
    const decision = control(first, { kind: 'pause', by: 'ada', note: 'a look' }, { nowMs: 500 });
    expect(decision).toMatchObject({
      commit: {
        base: 1,
        record: { paused: { by: 'ada', note: 'a look', atMs: 1_000 }, updatedAtMs: 1_000, sequence: 2 },
        journal: { envelope: { kind: 'pause', by: 'ada', note: 'a look' }, outcome: 'noted', atMs: 1_000 },
      },
    });
  });

  test('leaves nothing of pausing and parking behind when it goes on', () => {
    for (const [status, kind] of [
      ['paused', 'resume'],
      ['parked', 'unpark'],
    ] as const) {
      const decision = control(recordOf(status), { kind }, { nowMs: 9_000 });
      expect(decision).toMatchObject({ kind: 'commit' });
      expect(decision.kind === 'commit' && decision.commit.record).toStrictEqual({ ...first, sequence: 2, updatedAtMs: 9_000 });
    }
  });

  test('is checked: text of a bounded length', () => {
    expect(actOf('pause', undefined)).toEqual({ kind: 'pause' });
    expect(actOf('unpark', { by: 'ada', note: undefined })).toEqual({ kind: 'unpark', by: 'ada' });
    expect(() => actOf('pause', { by: 7 })).toThrow('pause: by must be text of at most 1000 characters; found number');
    expect(() => actOf('resume', { note: 'x'.repeat(1_001) })).toThrow('found 1001 characters');
  });
});

test('what is open is not deleted', () => {
  for (const status of ['running', 'paused', 'parked'] as const) {
    expect(deletionRefusal(recordOf(status), false)).toMatchObject({ code: 'WORKFLOW_OPEN', details: { id: 'w-1', status } });
  }
  expect(deletionRefusal(recordOf('failed'), true)).toBeUndefined();
  expect(deletionRefusal(recordOf('failed'), false)).toMatchObject({ code: 'WORKFLOW_OPEN' });
});

describe('parking as a crash loop', () => {
  const park = { kind: 'park', reason: 'crash-loop', failure: { class: 'CrashLoop', message: 'It was in flight.' } } as const;

  test('leaves everything of the workflow as it is, but runs nothing of it any more', () => {
    const parked = { reason: 'crash-loop', failure: { ...park.failure, state: first.chart.value } };
    const decision = control(first, park, { nowMs: 9_000 });
    expect(decision).toMatchObject({ commit: { journal: { envelope: park, outcome: 'parked' }, activitiesPut: [], effects: [] } });
    const record = decision.kind === 'commit' ? decision.commit.record : undefined;
    expect(record).toStrictEqual({ ...first, status: 'parked', parked, sequence: 2, updatedAtMs: 9_000 });
  });

  test.each(['paused', 'parked'] as const)('changes nothing of one that is %s', (status) => {
    expect(control(recordOf(status), park, { nowMs: 9_000 })).toEqual({ kind: 'ignore' });
  });

  test('does not take back the end of one that is closed, of which something goes on', () => {
    const decision = control(recordOf('completed'), park, { nowMs: 9_000 });
    expect(decision).toMatchObject({ commit: { record: { status: 'completed', parked: { reason: 'crash-loop' } } } });
  });
});
